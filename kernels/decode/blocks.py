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
    if tiles.apart:  # a tile is a sample
        begins = range(0, longest, BLOCK)
        seen = [_visible(tiles, prefix, own, q.shape[1], begin) for begin in begins]
        return _attend(q.transpose(1, 2).to(exact) * scale, keys, values, seen, BLOCK).transpose(1, 2).to(q.dtype)
    rows = q.flatten(0, 1)[tiles.rows.clamp(min=0)]  # [tiles, height, heads, dim]
    rows = rows.transpose(1, 2).to(exact) * scale  # [tiles, heads, height, dim]
    homes, lengths = tiles.segment.tolist(), prefix.tolist()  # one by one: gathering every tile's keys would copy them
    parts = [_attend_whole(rows[t : t + 1], keys[s], values[s], lengths[s]) for t, s in enumerate(homes)]
    filled = tiles.rows >= 0
    result = torch.empty_like(q, memory_format=torch.contiguous_format)
    if parts:
        result.view(-1, *q.shape[2:])[tiles.rows[filled]] = torch.cat(parts).transpose(1, 2)[filled].to(q.dtype)
    return result


def _attend_whole(
    rows: Float[Tensor, "1 heads height dim"],
    keys: Float[Tensor, "stored heads dim"],
    values: Float[Tensor, "stored heads dim"],
    length: int,
) -> Float[Tensor, "1 heads height dim"]:
    """A tile against all keys of its segment at once: the shape of the product is that of the segment alone."""
    width = -(-length // BLOCK) * BLOCK
    seen = (torch.arange(width, device=rows.device) < length).view(1, 1, 1, -1)
    return _attend(rows, keys[None], values[None], [seen] if length else [], width)


def _attend(
    rows: Float[Tensor, "tiles heads height dim"],
    keys: Float[Tensor, "tiles stored heads dim"],
    values: Float[Tensor, "tiles stored heads dim"],
    seen: list[Bool[Tensor, "#tiles 1 #height width"]],
    width: int,
) -> Float[Tensor, "tiles heads height dim"]:
    """Each tile against the keys in its place, so many at a time."""
    blocks = [slice(i * width, (i + 1) * width) for i in range(len(seen))]
    scores = [
        (rows @ _block(keys, block, rows.dtype).transpose(2, 3)).masked_fill_(~visible, -torch.inf)
        for block, visible in zip(blocks, seen, strict=True)
    ]
    out, total = torch.zeros_like(rows), rows.new_zeros(*rows.shape[:3], 1)
    if scores:
        top = torch.stack([s.amax(-1, keepdim=True) for s in scores]).amax(0).clamp(min=torch.finfo(rows.dtype).min)
        for block, score in zip(blocks, scores, strict=True):
            power = score.sub_(top).exp_()
            total += power.sum(-1, keepdim=True)
            out += power @ _block(values, block, rows.dtype)
    return torch.where(total > 0, out / total, 0)


def _block(
    stored: Float[Tensor, "tiles stored heads dim"], block: slice, dtype: torch.dtype
) -> Float[Tensor, "tiles heads width dim"]:
    """Some keys or values of every tile."""
    return stored[:, block].transpose(1, 2).to(dtype)


def _visible(
    tiles: Tiles, prefix: Int[Tensor, "segments"], own: bool, new: int, begin: int
) -> Bool[Tensor, "tiles 1 #height block"]:
    key = begin + torch.arange(BLOCK, device=prefix.device)
    before = prefix[tiles.segment][:, None, None, None]  # [tiles, 1, 1, 1]
    seen = key < before
    return seen | (key == before + (tiles.rows % new)[:, None, :, None]) if own else seen
