"""The forward kernel of the prologue: one program a block of tokens, all their heads in turn."""

import triton
import triton.language as tl

from foundation.kernels.prologue.gpu.heads import cosine_sine, load_halves, load_vector, normalised, store_halves


@triton.jit
def prologue_forward(
    x, weight, bias, turns, out, tokens, heads, x_row, x_head, eps,
    KIND: tl.constexpr, DIM: tl.constexpr, HALF: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """out [tokens, heads, DIM] from strided x; weight, bias and turns may be None. HALF is DIM / 2 or more."""
    rows = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    here = rows < tokens
    if turns is not None:
        cosine, sine = cosine_sine(turns, rows, here, DIM, HALF)
    if weight is not None:
        weight_a, weight_b = load_vector(weight, DIM, HALF)
    if bias is not None:
        bias_a, bias_b = load_vector(bias, DIM, HALF)
    for head in range(heads):
        a, b = load_halves(x + head * x_head, rows, x_row, here, DIM, HALF)
        if weight is not None:
            a, b, _ = normalised(a, b, eps, KIND, DIM, HALF)
            a, b = a * weight_a, b * weight_b
        if bias is not None:
            a, b = a + bias_a, b + bias_b
        if turns is not None:
            a, b = a * cosine - b * sine, a * sine + b * cosine
        store_halves(out + head * DIM, rows, heads * DIM, here, a, b, DIM, HALF)
