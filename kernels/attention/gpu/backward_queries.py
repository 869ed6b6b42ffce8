"""The gradients of the queries and of the biases: one program a tile of queries and head, like the forward.

Each pair of rows is visited by exactly one program, so the ragged bias's gradient is stored once and never accumulated;
that of the relative table is one histogram a program.
"""

import triton
import triton.language as tl

from foundation.kernels.attention.gpu.pairs import (
    LOG2E,
    bins,
    load_rows,
    of_head,
    pair_terms,
    place_of_rows,
    products,
    ranges_of_rows,
    store_rows,
    visible,
)


@triton.jit
def attention_backward_queries(
    q, k, v, extra_q, extra_k, grad, lse, delta, grad_q, grad_extra_q, grad_bias, counts,
    programs, begins, bounds, sees, kind, bias, bias_row, bias_head, table, query_at, key_at,
    scale, q_row, q_head, k_row, k_head, v_row, v_head, queries, heads,
    DIM: tl.constexpr, MAIN: tl.constexpr, TAIL: tl.constexpr, EXTRA: tl.constexpr,
    BIAS: tl.constexpr, REACH: tl.constexpr, BITS: tl.constexpr, PRECISION: tl.constexpr,
    BIAS_GRAD: tl.constexpr, TABLE_GRAD: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """grad_q [Tq, heads, DIM], grad_extra_q [Tq, heads, EXTRA], grad_bias as `bias`, counts [programs, heads, width of
    the table]; `grad` is the output's, whole.
    """
    program, head = programs + tl.program_id(0) * 7, tl.program_id(1).to(tl.int64)
    q_of_head, k_of_head, v_of_head = of_head(q, head, q_head), of_head(k, head, k_head), of_head(v, head, v_head)
    key_start, key_end = tl.load(program + 2), tl.load(program + 3)
    rows = tl.load(program) + tl.arange(0, BLOCK_M)
    here = rows < tl.load(program + 1)
    q_tile = load_rows(q_of_head, rows, q_row, here, 0, MAIN, DIM, True)
    q_tail = load_rows(q_of_head, rows, q_row, here, MAIN, TAIL, DIM, True) if TAIL else None
    g_tile = load_rows(grad + head * DIM, rows, heads * DIM, here, 0, MAIN, DIM, True)
    g_tail = load_rows(grad + head * DIM, rows, heads * DIM, here, MAIN, TAIL, DIM, True) if TAIL else None
    if EXTRA:
        extra_row = load_rows(extra_q + head * EXTRA, rows, heads * EXTRA, here, 0, EXTRA, EXTRA, True)
    level = tl.load(lse + head * queries + rows, mask=here, other=float("inf"))[:, None]
    row_delta = tl.load(delta + head * queries + rows, mask=here, other=0.0)[:, None]
    prefix, lo, hi = ranges_of_rows(bounds, rows, queries, here)
    row_sees = tl.load(sees + rows, mask=here, other=0)[:, None] if BITS else 0
    row_place = place_of_rows(bias_row, bias_head, rows, head, here)[:, None] if BIAS else 0
    row_at = tl.load(query_at + rows, mask=here, other=0)[:, None] if REACH >= 0 else 0

    acc = tl.zeros([BLOCK_M, MAIN], tl.float32)
    acc_tail = tl.zeros([BLOCK_M, TAIL if TAIL else 1], tl.float32)
    acc_extra = tl.zeros([BLOCK_M, EXTRA if EXTRA else 1], tl.float32)
    width: tl.constexpr = 2 * REACH + 1
    bin = tl.arange(0, triton.next_power_of_2(width)) if TABLE_GRAD else 0
    histogram = bin * 0.0
    for partial in tl.static_range(2):
        for i in range(tl.load(program + 4 + partial), tl.load(program + 5 + partial)):
            column = tl.multiple_of(tl.load(begins + i), BLOCK_N) + tl.arange(0, BLOCK_N)
            keys = key_start + column
            key_here = keys < key_end
            k_tile = load_rows(k_of_head, keys, k_row, key_here, 0, MAIN, DIM, partial)
            k_tail = load_rows(k_of_head, keys, k_row, key_here, MAIN, TAIL, DIM, partial) if TAIL else None
            s = products(q_tile, q_tail, k_tile, k_tail, TAIL, PRECISION) * (scale * LOG2E)
            if EXTRA:
                extra = load_rows(extra_k + head * EXTRA, keys, heads * EXTRA, key_here, 0, EXTRA, EXTRA, partial)
                s += tl.dot(extra_row, tl.trans(extra), input_precision="tf32x3") * LOG2E
            at = tl.load(key_at + keys, mask=key_here, other=0)[None, :] if REACH >= 0 else 0
            both = here[:, None] & key_here[None, :]
            s = pair_terms(s, bias, row_place + column[None, :], both, table, head, row_at, at, BIAS, REACH)
            if partial:
                key_kind = tl.load(kind + keys, mask=key_here, other=0).to(tl.int32)[None, :] if BITS else 0
                seen = visible(keys[None, :], prefix[:, None], lo[:, None], hi[:, None], row_sees, key_kind, BITS)
                s = tl.where(seen, s, float("-inf"))
            v_tile = load_rows(v_of_head, keys, v_row, key_here, 0, MAIN, DIM, partial)
            v_tail = load_rows(v_of_head, keys, v_row, key_here, MAIN, TAIL, DIM, partial) if TAIL else None
            slope = products(g_tile, g_tail, v_tile, v_tail, TAIL, PRECISION) - row_delta
            slope = tl.exp2(s - level) * slope  # of the logits, in natural units
            if BIAS_GRAD:
                tl.store(grad_bias + row_place + column[None, :], slope.to(grad_bias.dtype.element_ty), mask=both)
            if TABLE_GRAD:
                which = bins(row_at, at, REACH)
                for one in range(tl.min(which), tl.max(which) + 1):
                    histogram += tl.where(bin == one, tl.sum(tl.where(which == one, slope, 0.0)), 0.0)
            if EXTRA:
                acc_extra = tl.dot(slope, extra, acc_extra, input_precision="tf32x3")
            slope = slope.to(k.dtype.element_ty)
            acc = tl.dot(slope, k_tile, acc, input_precision=PRECISION)
            if TAIL:
                acc_tail = tl.dot(slope, k_tail, acc_tail, input_precision=PRECISION)

    store_rows(grad_q + head * DIM, rows, heads * DIM, here, acc * scale, 0, MAIN, DIM)
    if TAIL:
        store_rows(grad_q + head * DIM, rows, heads * DIM, here, acc_tail * scale, MAIN, TAIL, DIM)
    if TABLE_GRAD:
        tl.store(counts + (tl.program_id(0) * heads + head) * width + bin, histogram, mask=bin < width)
    if EXTRA:
        store_rows(grad_extra_q + head * EXTRA, rows, heads * EXTRA, here, acc_extra, 0, EXTRA, EXTRA)
