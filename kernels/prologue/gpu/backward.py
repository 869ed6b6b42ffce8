"""The backward kernel of the prologue: gradients of the heads, and of the weights as one row a program."""

import triton
import triton.language as tl

from foundation.kernels.prologue.gpu.heads import cosine_sine, load_halves, load_vector, normalised, store_halves


@triton.jit
def prologue_backward(
    gradient, x, weight, turns, dx, dweight, dbias, tokens, heads, g_row, g_head, x_row, x_head, eps,
    KIND: tl.constexpr, DIM: tl.constexpr, HALF: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """dx [tokens, heads, DIM]; dweight and dbias float32 [programs, DIM], to be summed by who launches this."""
    rows = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    here = rows < tokens
    if turns is not None:
        cosine, sine = cosine_sine(turns, rows, here, DIM, HALF)
    if weight is not None:
        weight_a, weight_b = load_vector(weight, DIM, HALF)
    dweight_a, dweight_b = tl.zeros([HALF], tl.float32), tl.zeros([HALF], tl.float32)
    dbias_a, dbias_b = tl.zeros([HALF], tl.float32), tl.zeros([HALF], tl.float32)
    for head in range(heads):
        a, b = load_halves(gradient + head * g_head, rows, g_row, here, DIM, HALF)
        if turns is not None:
            a, b = a * cosine + b * sine, b * cosine - a * sine  # the reverse rotation
        if weight is not None:
            x_a, x_b = load_halves(x + head * x_head, rows, x_row, here, DIM, HALF)
            x_a, x_b, factor = normalised(x_a, x_b, eps, KIND, DIM, HALF)
            dweight_a += tl.sum(a * x_a, 0)
            dweight_b += tl.sum(b * x_b, 0)
            dbias_a += tl.sum(a, 0)
            dbias_b += tl.sum(b, 0)
            a, b = a * weight_a, b * weight_b
            along = (tl.sum(a * x_a, 1) + tl.sum(b * x_b, 1))[:, None] / DIM
            level = (tl.sum(a, 1) + tl.sum(b, 1))[:, None] / DIM if KIND == "layer" else 0.0
            a, b = (a - x_a * along - level) * factor, (b - x_b * along - level) * factor
        store_halves(dx + head * DIM, rows, heads * DIM, here, a, b, DIM, HALF)
    if weight is not None:
        column = tl.arange(0, HALF)
        place, mask = tl.program_id(0).to(tl.int64) * DIM + column, column < DIM // 2
        tl.store(dweight + place, dweight_a, mask=mask)
        tl.store(dweight + place + DIM // 2, dweight_b, mask=mask)
        tl.store(dbias + place, dbias_a, mask=mask)
        tl.store(dbias + place + DIM // 2, dbias_b, mask=mask)
