"""attend_blocks: the path in PyTorch, block by block of keys, always with products of the same shapes."""

import torch
from jaxtyping import Float, Int
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
        hidden = [_hidden(tiles, prefix, own, q.shape[1], begin) for begin in range(0, longest, BLOCK)]
        return _attend(q.transpose(1, 2).to(exact) * scale, keys, values, hidden).transpose(1, 2).to(q.dtype)
    rows = q.flatten(0, 1)[tiles.rows.clamp(min=0)]  # [tiles, height, heads, dim]
    rows = rows.transpose(1, 2).to(exact) * scale  # [tiles, heads, height, dim]
    homes, lengths = tiles.segment.tolist(), prefix.tolist()  # one by one: gathering every tile's keys would copy them
    parts = [_attend_whole(rows[t], keys[s], values[s], lengths[s]) for t, s in enumerate(homes)]
    filled = tiles.rows >= 0
    result = torch.empty_like(q, memory_format=torch.contiguous_format)
    if parts:
        result.view(-1, *q.shape[2:])[tiles.rows[filled]] = torch.stack(parts).transpose(1, 2)[filled].to(q.dtype)
    return result


def _attend_whole(
    rows: Float[Tensor, "heads height dim"],
    keys: Float[Tensor, "stored heads dim"],
    values: Float[Tensor, "stored heads dim"],
    length: int,
) -> Float[Tensor, "heads height dim"]:
    """A tile against all keys of its segment at once: the shape of the product is that of the segment alone."""
    if not length:
        return torch.zeros_like(rows)
    width = -(-length // BLOCK) * BLOCK
    keys, values = (x[:width].transpose(0, 1).to(rows.dtype) for x in (keys, values))
    score = rows @ keys.transpose(1, 2)
    score[..., length:] = -torch.inf
    return torch.softmax(score, -1, out=score) @ values


def _attend(
    rows: Float[Tensor, "tiles heads height dim"],
    keys: Float[Tensor, "tiles stored heads dim"],
    values: Float[Tensor, "tiles stored heads dim"],
    hidden: list[Float[Tensor, "#tiles 1 #height block"]],
) -> Float[Tensor, "tiles heads height dim"]:
    """Each tile against the keys in its place, a block at a time."""
    if not hidden:
        return torch.zeros_like(rows)
    blocks = [slice(i * BLOCK, (i + 1) * BLOCK) for i in range(len(hidden))]
    scores = [
        (rows @ _block(keys, block, rows.dtype).transpose(2, 3)).add_(nothing)
        for block, nothing in zip(blocks, hidden, strict=True)
    ]
    tops = [s.amax(-1, keepdim=True) for s in scores]
    top = torch.stack(tops).amax(0).clamp_(min=torch.finfo(rows.dtype).min)
    out, total = torch.zeros_like(rows), torch.zeros_like(top)
    for block, score in zip(blocks, scores, strict=True):
        power = score.sub_(top).exp_()
        total += power.sum(-1, keepdim=True)
        out += power @ _block(values, block, rows.dtype)
    return out.div_(total.clamp_(min=1.0))  # which it is already for a row that sees a key: the top one counts 1


def _block(
    stored: Float[Tensor, "tiles stored heads dim"], block: slice, dtype: torch.dtype
) -> Float[Tensor, "tiles heads block dim"]:
    """Some keys or values of every tile."""
    return stored[:, block].transpose(1, 2).to(dtype)


def _hidden(
    tiles: Tiles, prefix: Int[Tensor, "segments"], own: bool, new: int, begin: int
) -> Float[Tensor, "tiles 1 #height block"]:
    """0 where a row sees a key and -inf where not, to be added: a fill by a mask takes several times as long."""
    key = begin + torch.arange(BLOCK, device=prefix.device)
    before = prefix[tiles.segment][:, None, None, None]  # [tiles, 1, 1, 1]
    seen = key < before
    if own:
        seen = seen | (key == before + (tiles.rows % new)[:, None, :, None])
    return torch.zeros(seen.shape, device=prefix.device).masked_fill_(~seen, -torch.inf)
