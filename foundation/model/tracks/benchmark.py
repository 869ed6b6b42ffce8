"""Encoders of summed tracks: heads that look one way by causal attention, against a mask of all pairs for each head.

One block of the released width and a small encoder, float32, one document with both tracks; the other side shares all
weights and differs in its attention alone, which is PyTorch's fused one with a [heads, T, T] mask, as released.
"""

from collections.abc import Callable
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from foundation.batch import TokenBatch, pack
from foundation.bench import Row, bytes_compared, side_by_side
from foundation.kernels.prologue import qk_prologue
from foundation.model.tracks.block import EncoderBlock
from foundation.model.tracks.config import TrackConfig
from foundation.model.tracks.rows import GivenRows
from foundation.model.tracks.transformer import TrackTransformer
from foundation.tokens import Space, Tokens, concatenate

SIZES = {
    "one block of 1536": TrackConfig(depth=1, decoder_depth=1),
    "8 blocks of 512": TrackConfig(width=512, depth=8, decoder_depth=1, heads=8, hidden=2048),
}
SPACES = (Space("rna_seq", "discrete", 7), Space("cds", "discrete", 5), Space("aa_seq", "discrete", 27))


def packed_vs_dense_mask() -> list[Row]:
    """Tokens per second of the encoder at 1,000 and 4,000 rows; bytes at the peak of attention among 10,000."""
    rows = [
        side_by_side(f"encoder, {name}, {length:,} rows", *_encoders(config, length), length, "rows/s", turns=1)
        for name, config in SIZES.items()
        for length in (1000, 4000)
    ]
    slim = TrackConfig(width=96, depth=1, decoder_depth=1, heads=24, hidden=96, rotated=4)
    return [*rows, bytes_compared("one slim block of 24 heads, 10,000 rows, memory", *_encoders(slim, 10_000))]


def _encoders(config: TrackConfig, length: int) -> tuple[Callable[[], Tensor], Callable[[], Tensor]]:
    torch.manual_seed(0)
    model = TrackTransformer(config, SPACES).eval()
    batch = _batch(length)
    usual = torch.no_grad()(lambda: _dense(model, batch))
    return usual, torch.no_grad()(lambda: model.rows(batch, GivenRows.of(batch, config.registers)))


def _batch(length: int) -> TokenBatch:
    """A transcript on one track, a protein on another, so that all rows together are `length`."""
    generator = torch.Generator().manual_seed(0)
    residues = length // 5
    tracks = ((SPACES[0], length - residues, 1), (SPACES[1], length - residues, 1), (SPACES[2], residues, 0))
    parts = [
        Tokens.of_space(s, torch.randint(s.size, (n,), generator=generator), torch.arange(n)[:, None].double(), track)
        for s, n, track in tracks
    ]
    tokens = concatenate(parts)
    return pack([(tokens, torch.zeros(len(tokens), dtype=torch.long))], SPACES)


def _dense(model: TrackTransformer, batch: TokenBatch) -> Float[Tensor, "R width"]:
    """The encoder with a mask for each head."""
    config, given = model.config, GivenRows.of(batch, model.config.registers)
    x, turns = model._given(batch, given)[0], model._turns(given.index)
    mask = _mask(len(x), config)
    for block in cast(list[EncoderBlock], model.encoder):
        part, y = block.attention, block.norm1(x)
        q, k, v = (m(y).unflatten(-1, (config.heads, -1)) for m in (part.q, part.k, part.v))
        q, k = (z.transpose(0, 1)[None] for z in qk_prologue(q, k, q_turns=turns, k_turns=turns))
        seen = F.scaled_dot_product_attention(q, k, v.transpose(0, 1)[None], attn_mask=mask)
        x = x + part.out(seen[0].transpose(0, 1).flatten(1))
        x = x + block.feed_forward(block.norm2(x))
    return model.norm(x)


def _mask(rows: int, config: TrackConfig) -> Bool[Tensor, "heads rows rows"]:
    each = config.each_way
    seen = torch.ones(config.heads, rows, rows, dtype=torch.bool)
    seen[:each], seen[each : 2 * each] = seen[0].tril(), seen[0].triu()
    seen[:, : config.registers], seen[:, :, : config.registers] = True, True
    return seen
