"""The decoding kernel: one program a tile of query rows and a head, softmax on the fly over the blocks of keys."""

import triton
import triton.language as tl


@triton.jit
def load_block(base, rows, stride, here, DIM: tl.constexpr, WIDTH: tl.constexpr):
    """Rows [rows, WIDTH] of one head, zero beyond DIM and where not `here`."""
    column = tl.arange(0, WIDTH)
    place = base + rows[:, None] * stride + column[None, :]
    return tl.load(place, mask=here[:, None] & (column < DIM)[None, :], other=0.0)


@triton.jit
def decode_forward(
    q, keys, values, out, rows, segment, prefix, height, heads, stored, scale,
    OWN: tl.constexpr, NEW: tl.constexpr, DIM: tl.constexpr, WIDTH: tl.constexpr,
    HEIGHT: tl.constexpr, BLOCK: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """out [samples, NEW, heads, DIM]; rows [tiles, height] of q, -1 = empty; keys, values [segments, stored, ...]."""
    tile, head, slot = tl.program_id(0).to(tl.int64), tl.program_id(1).to(tl.int64), tl.arange(0, HEIGHT)
    home = tl.load(segment + tile)
    before = tl.load(prefix + home)
    row = tl.load(rows + tile * height + slot, mask=slot < height, other=-1)
    here = row >= 0
    query = load_block(q + head * DIM, row, heads * DIM, here, DIM, WIDTH)
    offset = (home * stored * heads + head) * DIM
    end = before + NEW if OWN else before
    top = tl.full([HEIGHT], float("-inf"), tl.float32)
    total = tl.zeros([HEIGHT], tl.float32)
    acc = tl.zeros([HEIGHT, WIDTH], tl.float32)
    for begin in range(0, end, BLOCK):
        key = begin + tl.arange(0, BLOCK)
        k = load_block(keys + offset, key.to(tl.int64), heads * DIM, key < end, DIM, WIDTH)
        score = tl.dot(query, tl.trans(k), input_precision=PRECISION) * (scale * 1.4426950408889634)
        seen = (key < before)[None, :]
        if OWN:
            seen = seen | (key[None, :] == (before + row % NEW)[:, None])
        score = tl.where(seen, score, float("-inf"))
        higher = tl.maximum(tl.maximum(top, tl.max(score, 1)), -3e38)  # finite: a row may have seen nothing yet
        power = tl.exp2(score - higher[:, None])
        fade = tl.exp2(top - higher)
        total = total * fade + tl.sum(power, 1)
        v = load_block(values + offset, key.to(tl.int64), heads * DIM, key < end, DIM, WIDTH)
        acc = tl.dot(power.to(v.dtype), v, acc * fade[:, None], input_precision=PRECISION)
        top = higher
    column = tl.arange(0, WIDTH)
    place = out + (row[:, None] * heads + head) * DIM + column[None, :]
    result = acc / tl.where(total > 0, total, 1.0)[:, None]
    tl.store(place, result.to(out.dtype.element_ty), mask=here[:, None] & (column < DIM)[None, :])
