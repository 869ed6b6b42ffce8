"""The sum over a head of output times its gradient, which the softmax's gradient subtracts from every pair."""

import triton
import triton.language as tl


@triton.jit
def attention_delta(out, grad, delta, queries, heads, DIM: tl.constexpr, WIDTH: tl.constexpr, BLOCK: tl.constexpr):
    """delta [heads, Tq] float32 of out and grad [Tq, heads, DIM]; one program some rows and a head."""
    rows = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    head, column = tl.program_id(1), tl.arange(0, WIDTH)
    here = rows < queries
    at = (rows * heads + head)[:, None] * DIM + column[None, :]
    mask = here[:, None] & (column < DIM)[None, :]
    product = tl.load(out + at, mask=mask, other=0.0).to(tl.float32) * tl.load(grad + at, mask=mask, other=0.0)
    tl.store(delta + head.to(tl.int64) * queries + rows, tl.sum(product, 1), mask=here)
