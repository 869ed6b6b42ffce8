"""What the attention kernels share: loading rows, products over a split head, and the terms of a pair of rows.

Row quantities come already shaped to broadcast against a tile of pairs, so the same functions serve tiles with queries
down and keys across, and the transposed ones of the key gradient.
"""

import triton
import triton.language as tl

LOG2E = tl.constexpr(1.4426950408889634)  # logits are kept in units of log 2: the hardware's exponential is exp2


@triton.jit
def load_rows(x, rows, stride, here, FIRST: tl.constexpr, WIDTH: tl.constexpr, END: tl.constexpr, MASKED: tl.constexpr):
    """Columns FIRST to FIRST + WIDTH of some rows, [rows, WIDTH]; zeros from column END on and where not `here`.

    Strides are multiples of 8, for rows that have others are copied; loads of 16 bytes need Triton to know.
    """
    column = FIRST + tl.arange(0, WIDTH)
    at = x + tl.multiple_of(rows.to(tl.int64)[:, None] * stride, [8, 8]) + column[None, :]
    if FIRST + WIDTH > END:
        if MASKED:
            return tl.load(at, mask=here[:, None] & (column < END)[None, :], other=0.0)
        return tl.load(at, mask=(column < END)[None, :], other=0.0)
    if MASKED:
        return tl.load(at, mask=here[:, None], other=0.0)
    return tl.load(at)


@triton.jit
def store_rows(x, rows, stride, here, value, FIRST: tl.constexpr, WIDTH: tl.constexpr, END: tl.constexpr):
    """The reverse of `load_rows`, rounded to the type of `x`."""
    column = FIRST + tl.arange(0, WIDTH)
    at = x + tl.multiple_of(rows.to(tl.int64)[:, None] * stride, [8, 8]) + column[None, :]
    tl.store(at, value.to(x.dtype.element_ty), mask=here[:, None] & (column < END)[None, :])


@triton.jit
def products(a, a_tail, b, b_tail, TAIL: tl.constexpr, PRECISION: tl.constexpr):
    """a b^T over a head whose columns come in two parts, [rows of a, rows of b]."""
    out = tl.dot(a, tl.trans(b), input_precision=PRECISION)
    if TAIL:
        out = tl.dot(a_tail, tl.trans(b_tail), out, input_precision=PRECISION)
    return out


@triton.jit
def pair_terms(
    s, bias, place, here, table, head, query_at, key_at, BIAS: tl.constexpr, REACH: tl.constexpr
):  # fmt: skip
    """Logits plus the ragged bias at `place` and the entry of the head's relative table; in units of log 2.

    REACH < 0 means that there is no table.
    """
    if BIAS:
        s += tl.load(bias + place, mask=here, other=0.0).to(tl.float32) * LOG2E
    if REACH >= 0:
        s += tl.load(table + head * (2 * REACH + 1) + bins(query_at, key_at, REACH)).to(tl.float32) * LOG2E
    return s


@triton.jit
def bins(query_at, key_at, REACH: tl.constexpr):
    """Entry of the relative table for each pair."""
    return tl.minimum(tl.maximum(key_at - query_at, -REACH), REACH) + REACH


@triton.jit
def visible(key, prefix, lo, hi, sees, kind, BITS: tl.constexpr):
    """Which keys of its own segment each row sees."""
    seen = (key < prefix) | ((key >= lo) & (key < hi))
    if BITS:
        seen = seen & (((sees >> kind) & 1) != 0)
    return seen


@triton.jit
def place_of_rows(bias_row, bias_head, rows, head, here):
    """Where the bias of each row begins for this head; blocks of it begin at multiples of 8."""
    place = tl.load(bias_row + rows, mask=here, other=0) + head * tl.load(bias_head + rows, mask=here, other=0)
    return tl.multiple_of(place, 8)


@triton.jit
def ranges_of_rows(bounds, rows, queries, here):
    """End of the prefix, begin and end of the window of each row."""
    prefix = tl.load(bounds + rows, mask=here, other=0)
    lo = tl.load(bounds + queries + rows, mask=here, other=0)
    return prefix, lo, tl.load(bounds + 2 * queries + rows, mask=here, other=0)


@triton.jit
def of_head(x, head, stride):
    """Where a head begins."""
    return x + tl.multiple_of(head * stride, 8)
