"""The forward kernel: one program a tile of queries and head, softmax on the fly over the blocks of keys it visits."""

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
def attention_forward(
    q, k, v, extra_q, extra_k, out, lse,
    programs, begins, bounds, sees, kind, bias, bias_row, bias_head, table, query_at, key_at,
    scale, q_row, q_head, k_row, k_head, v_row, v_head, queries, heads,
    DIM: tl.constexpr, MAIN: tl.constexpr, TAIL: tl.constexpr, EXTRA: tl.constexpr,
    BIAS: tl.constexpr, REACH: tl.constexpr, BITS: tl.constexpr, PRECISION: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Outputs [Tq, heads, DIM] and the log2 of the softmax's sum [heads, Tq], inf for rows that see nothing."""
    program, head = programs + tl.program_id(0) * 7, tl.program_id(1).to(tl.int64)
    q_of_head, k_of_head, v_of_head = of_head(q, head, q_head), of_head(k, head, k_head), of_head(v, head, v_head)
    key_start, key_end = tl.load(program + 2), tl.load(program + 3)
    rows = tl.load(program) + tl.arange(0, BLOCK_M)
    here = rows < tl.load(program + 1)
    q_tile = load_rows(q_of_head, rows, q_row, here, 0, MAIN, DIM, True)
    q_tail = load_rows(q_of_head, rows, q_row, here, MAIN, TAIL, DIM, True) if TAIL else None
    if EXTRA:
        extra_row = load_rows(extra_q + head * EXTRA, rows, heads * EXTRA, here, 0, EXTRA, EXTRA, True)
    prefix, lo, hi = ranges_of_rows(bounds, rows, queries, here)
    row_sees = tl.load(sees + rows, mask=here, other=0)[:, None] if BITS else 0
    row_place = place_of_rows(bias_row, bias_head, rows, head, here)[:, None] if BIAS else 0
    row_at = tl.load(query_at + rows, mask=here, other=0)[:, None] if REACH >= 0 else 0

    top = tl.full([BLOCK_M], float("-inf"), tl.float32)
    total = tl.zeros([BLOCK_M], tl.float32)
    acc = tl.zeros([BLOCK_M, MAIN], tl.float32)
    acc_tail = tl.zeros([BLOCK_M, TAIL if TAIL else 1], tl.float32)
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
            new_top = tl.maximum(top, tl.max(s, 1))
            level = tl.where(new_top == float("-inf"), 0.0, new_top)
            p = tl.exp2(s - level[:, None])
            shrink = tl.exp2(top - level)
            total = total * shrink + tl.sum(p, 1)
            top = new_top
            p = p.to(v.dtype.element_ty)
            v_tile = load_rows(v_of_head, keys, v_row, key_here, 0, MAIN, DIM, partial)
            acc = tl.dot(p, v_tile, acc * shrink[:, None], input_precision=PRECISION)
            if TAIL:
                v_tail = load_rows(v_of_head, keys, v_row, key_here, MAIN, TAIL, DIM, partial)
                acc_tail = tl.dot(p, v_tail, acc_tail * shrink[:, None], input_precision=PRECISION)

    empty = total == 0
    inverse = 1.0 / tl.where(empty, 1.0, total)
    store_rows(out + head * DIM, rows, heads * DIM, here, acc * inverse[:, None], 0, MAIN, DIM)
    if TAIL:
        store_rows(out + head * DIM, rows, heads * DIM, here, acc_tail * inverse[:, None], MAIN, TAIL, DIM)
    level = tl.where(empty, float("inf"), top + tl.log2(tl.where(empty, 1.0, total)))
    tl.store(lse + head * queries + rows, level, mask=here)
