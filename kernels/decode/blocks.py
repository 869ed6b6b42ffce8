"""attend_blocks: the path in PyTorch, block by block of keys, always with products of the same shapes."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from foundation.kernels.decode.cache import BLOCK
from foundation.kernels.decode.tiles import Tiles


def attend_blocks(
    q: Float[Tensor, "samples new heads dim"],
    keys: Float[Tensor, "segments stored heads dim"],
    values: Float[Tensor, "segments stored heads dim"],
    tiles: Tiles,
    prefix: Int[Tensor, "segments"],
    own: bool,
    longest: int,
    scale: float,
) -> Float[Tensor, "samples new heads dim"]:
    """Rows of each tile against the first `prefix` keys of its segment, and with `own` the key of the row itself.

    Blocks beyond a sample's keys add exact zeros, and the order of the sums is that of the blocks: both are why a
    sample's result does not depend on the others.
    """
    exact = torch.promote_types(q.dtype, torch.float32)
    rows = q.flatten(0, 1)[tiles.rows.clamp(min=0)]  # [tiles, height, heads, dim]
    rows = rows.transpose(1, 2).to(exact) * scale  # [tiles, heads, height, dim]
    begins = range(0, longest, BLOCK)
    scores = [
        (rows @ _block(keys, tiles, b, exact).transpose(2, 3)).masked_fill_(
            ~_visible(tiles, prefix, own, q.shape[1], b), -torch.inf
        )
        for b in begins
    ]
    out, total = torch.zeros_like(rows), rows.new_zeros(*rows.shape[:3], 1)
    if scores:
        top = torch.stack([s.amax(-1, keepdim=True) for s in scores]).amax(0).clamp(min=torch.finfo(exact).min)
        for b, score in zip(begins, scores, strict=True):
            power = score.sub_(top).exp_()
            total += power.sum(-1, keepdim=True)
            out += power @ _block(values, tiles, b, exact)
    out = torch.where(total > 0, out / total, 0)
    filled = tiles.rows >= 0
    result = torch.empty_like(q, memory_format=torch.contiguous_format)
    result.view(-1, *q.shape[2:])[tiles.rows[filled]] = out.transpose(1, 2)[filled].to(q.dtype)
    return result


def _block(
    stored: Float[Tensor, "segments stored heads dim"], tiles: Tiles, begin: int, dtype: torch.dtype
) -> Float[Tensor, "tiles heads block dim"]:
    """One block of the segment of every tile."""
    return stored[:, begin : begin + BLOCK].transpose(1, 2).to(dtype)[tiles.segment].contiguous()


def _visible(
    tiles: Tiles, prefix: Int[Tensor, "segments"], own: bool, new: int, begin: int
) -> Bool[Tensor, "tiles 1 height block"]:
    key = begin + torch.arange(BLOCK, device=prefix.device)
    before = prefix[tiles.segment][:, None, None, None]  # [tiles, 1, 1, 1]
    seen = (key < before).expand(-1, 1, tiles.rows.shape[1], -1)
    return seen | (key == before + (tiles.rows % new)[:, None, :, None]) if own else seen
