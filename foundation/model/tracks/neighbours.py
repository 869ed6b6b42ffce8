"""Neighbours: weights with which heads begin by looking at the rows right beside, which by chance they find late.

Rows of a track share a direction c, so queries and keys that take c alone depend on nothing but the place. Turned by
it, a pair of components with frequency f gives a logit that goes as cos(f * (distance - offset)); all pairs together
are largest at the offset. Heads of a first block look at the nearest rows, one each; heads of a second block at what
those have gathered, so that together they see a stretch without gaps. No part of the model is another, and training may
turn any head to something else.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foundation.model.tracks.block import DecoderBlock, EncoderBlock
from foundation.model.tracks.config import TrackConfig
from foundation.model.tracks.embed import TrackEmbedding

PEAK = 12.0  # logit at the offset, where all else is about 0
SPREAD = 1.0  # standard deviation of tables and single vectors
OWN = 0.5  # of spaces, beside what they share
SHARED = 0.7  # length of what rows share in a row that is normed; that of a space and a code is 1 / 1.5
LEFT = 0.1  # of the weights by chance, which see what a row holds


def offsets(heads: int, block: int, each_way: int = 0) -> list[int | None]:
    """Where each head of a block looks: as many rows before as after; an odd head anywhere.

    Of 6 heads in block 0: -1, 1, -2, 2, -3, 3; in block 1, whose neighbours have seen seven each: -7, 7, -14, ...

    Args:
        each_way: first heads, which see earlier rows only, and as many after them, which see later ones.
    """
    near, step = heads // 2, (heads // 2 * 2 + 1) ** block
    one_way = [sign * rank for sign in (-1, 1) for rank in range(1, each_way + 1)]
    others = [sign * rank for rank in range(each_way + 1, near + 1) for sign in (-1, 1)]
    return [*(step * rank for rank in one_way + others), *([None] * (heads % 2))]


def same_place(heads: int) -> list[int | None]:
    """Where heads from queries to what is given look: half of them at the same place and those beside it."""
    near = [0, -1, 1, -2, 2][: max(heads // 2, 1)]
    return [*near, *([None] * (heads - len(near)))]


@torch.no_grad()
def look_near(
    embed: TrackEmbedding,
    vectors: Sequence[nn.Parameter],
    encoder: Sequence[EncoderBlock],
    context: nn.Linear,
    decoder: Sequence[DecoderBlock],
    config: TrackConfig,
) -> None:
    """Set first weights, from those that are there; draws from torch's generator.

    Args:
        embed: tables, which become as large as what blocks add to them.
        vectors: of registers and queries, likewise.
        encoder: first blocks.
        context: the map between encoder and decoder.
        decoder: all blocks.
    """
    shared = SPREAD * torch.randn(config.width)
    for table in [*(t.weight for t in embed.value.modules() if isinstance(t, nn.Embedding)), *vectors]:
        nn.init.normal_(table, std=SPREAD)
    embed.space.weight.normal_(0, OWN * SPREAD).add_(shared)
    along, beyond = _unit(shared - shared.mean()), _unit(context.weight @ shared)
    for number, block in enumerate(encoder):
        _aim(block.attention.q, block.attention.k, offsets(config.heads, number, config.each_way), along, along, config)
    for block in decoder:
        _aim(block.cross.q, block.cross.k, same_place(config.heads), along, beyond, config)


def _aim(
    q: nn.Linear,
    k: nn.Linear,
    where: list[int | None],
    of_queries: Float[Tensor, "width"],
    of_keys: Float[Tensor, "width"],
    config: TrackConfig,
) -> None:
    """Let each head that has an offset look there."""
    pairs, half = config.rotated // 2, config.dim // 2
    frequency = config.base ** (-torch.arange(pairs).double() / pairs)
    size = math.sqrt(PEAK * math.sqrt(config.dim) / pairs) / (SHARED * math.sqrt(config.width))
    for head, offset in enumerate(where):
        if offset is None:
            continue
        angle, mine = (frequency * offset).float(), slice(head * config.dim, (head + 1) * config.dim)
        query, key = (torch.zeros(2, half) for _ in range(2))
        query[0, :pairs] = size
        key[0, :pairs], key[1, :pairs] = size * angle.cos(), -size * angle.sin()
        for weight, vector, direction in ((q.weight, query, of_queries), (k.weight, key, of_keys)):
            weight[mine] = LEFT * weight[mine] + vector.flatten()[:, None] * direction


def _unit(vector: Float[Tensor, "width"]) -> Float[Tensor, "width"]:
    return vector / vector.norm()
