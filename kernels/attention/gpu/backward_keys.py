"""The gradients of keys and values: one program a block of keys and head, over the tiles of queries that see it.

Tiles are turned, keys down and queries across. A segment of keys that several segments of queries share is summed over
all of them here, in the fixed order of its list.
"""

import triton
import triton.language as tl

from foundation.kernels.attention.gpu.pairs import (
    LOG2E,
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
def attention_backward_keys(
    q, k, v, extra_q, extra_k, grad, lse, delta, grad_k, grad_v, grad_extra_k,
    programs, begins, ends, bounds, sees, kind, bias, bias_row, bias_head, table, query_at, key_at,
    scale, q_row, q_head, k_row, k_head, v_row, v_head, queries, heads,
    DIM: tl.constexpr, MAIN: tl.constexpr, TAIL: tl.constexpr, EXTRA: tl.constexpr,
    BIAS: tl.constexpr, REACH: tl.constexpr, BITS: tl.constexpr, PRECISION: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """grad_k and grad_v [Tk, heads, DIM], grad_extra_k [Tk, heads, EXTRA]; `grad` is the output's, whole."""
    program, head = programs + tl.program_id(0) * 7, tl.program_id(1).to(tl.int64)
    q_of_head, k_of_head, v_of_head = of_head(q, head, q_head), of_head(k, head, k_head), of_head(v, head, v_head)
    keys = tl.load(program) + tl.arange(0, BLOCK_N)
    key_here = keys < tl.load(program + 1)
    column = tl.multiple_of(tl.load(program) - tl.load(program + 2), BLOCK_N) + tl.arange(0, BLOCK_N)
    k_tile = load_rows(k_of_head, keys, k_row, key_here, 0, MAIN, DIM, True)
    k_tail = load_rows(k_of_head, keys, k_row, key_here, MAIN, TAIL, DIM, True) if TAIL else None
    v_tile = load_rows(v_of_head, keys, v_row, key_here, 0, MAIN, DIM, True)
    v_tail = load_rows(v_of_head, keys, v_row, key_here, MAIN, TAIL, DIM, True) if TAIL else None
    if EXTRA:
        extra_key = load_rows(extra_k + head * EXTRA, keys, heads * EXTRA, key_here, 0, EXTRA, EXTRA, True)
    at = tl.load(key_at + keys, mask=key_here, other=0)[:, None] if REACH >= 0 else 0
    key_kind = tl.load(kind + keys, mask=key_here, other=0).to(tl.int32)[:, None] if BITS else 0

    acc_k = tl.zeros([BLOCK_N, MAIN], tl.float32)
    acc_v = tl.zeros([BLOCK_N, MAIN], tl.float32)
    acc_k_tail = tl.zeros([BLOCK_N, TAIL if TAIL else 1], tl.float32)
    acc_v_tail = tl.zeros([BLOCK_N, TAIL if TAIL else 1], tl.float32)
    acc_extra = tl.zeros([BLOCK_N, EXTRA if EXTRA else 1], tl.float32)
    for partial in tl.static_range(2):
        for i in range(tl.load(program + 4 + partial), tl.load(program + 5 + partial)):
            rows = tl.load(begins + i) + tl.arange(0, BLOCK_M)
            here = rows < tl.load(ends + i)
            q_tile = load_rows(q_of_head, rows, q_row, here, 0, MAIN, DIM, partial)
            q_tail = load_rows(q_of_head, rows, q_row, here, MAIN, TAIL, DIM, partial) if TAIL else None
            s = products(k_tile, k_tail, q_tile, q_tail, TAIL, PRECISION) * (scale * LOG2E)
            if EXTRA:
                extra = load_rows(extra_q + head * EXTRA, rows, heads * EXTRA, here, 0, EXTRA, EXTRA, partial)
                s += tl.dot(extra_key, tl.trans(extra), input_precision="tf32x3") * LOG2E
            row_place = place_of_rows(bias_row, bias_head, rows, head, here)[None, :] if BIAS else 0
            row_at = tl.load(query_at + rows, mask=here, other=0)[None, :] if REACH >= 0 else 0
            both = key_here[:, None] & here[None, :]
            s = pair_terms(s, bias, row_place + column[:, None], both, table, head, row_at, at, BIAS, REACH)
            if partial:
                prefix, lo, hi = ranges_of_rows(bounds, rows, queries, here)
                row_sees = tl.load(sees + rows, mask=here, other=0)[None, :] if BITS else 0
                seen = visible(keys[:, None], prefix[None, :], lo[None, :], hi[None, :], row_sees, key_kind, BITS)
                s = tl.where(seen, s, float("-inf"))
            level = tl.load(lse + head * queries + rows, mask=here, other=float("inf"))
            row_delta = tl.load(delta + head * queries + rows, mask=here, other=0.0)
            p = tl.exp2(s - level[None, :])
            g_tile = load_rows(grad + head * DIM, rows, heads * DIM, here, 0, MAIN, DIM, partial)
            g_tail = load_rows(grad + head * DIM, rows, heads * DIM, here, MAIN, TAIL, DIM, partial) if TAIL else None
            slope = p * (products(v_tile, v_tail, g_tile, g_tail, TAIL, PRECISION) - row_delta[None, :])
            p = p.to(v.dtype.element_ty)
            acc_v = tl.dot(p, g_tile, acc_v, input_precision=PRECISION)
            if EXTRA:
                acc_extra = tl.dot(slope, extra, acc_extra, input_precision="tf32x3")
            slope = slope.to(q.dtype.element_ty)
            acc_k = tl.dot(slope, q_tile, acc_k, input_precision=PRECISION)
            if TAIL:
                acc_v_tail = tl.dot(p, g_tail, acc_v_tail, input_precision=PRECISION)
                acc_k_tail = tl.dot(slope, q_tail, acc_k_tail, input_precision=PRECISION)

    store_rows(grad_k + head * DIM, keys, heads * DIM, key_here, acc_k * scale, 0, MAIN, DIM)
    store_rows(grad_v + head * DIM, keys, heads * DIM, key_here, acc_v, 0, MAIN, DIM)
    if TAIL:
        store_rows(grad_k + head * DIM, keys, heads * DIM, key_here, acc_k_tail * scale, MAIN, TAIL, DIM)
        store_rows(grad_v + head * DIM, keys, heads * DIM, key_here, acc_v_tail, MAIN, TAIL, DIM)
    if EXTRA:
        store_rows(grad_extra_k + head * EXTRA, keys, heads * EXTRA, key_here, acc_extra, 0, EXTRA, EXTRA)
