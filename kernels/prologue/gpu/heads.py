"""What both directions of the prologue share: halves of heads, their statistics, sines and cosines."""

import triton
import triton.language as tl

TAU: tl.constexpr = tl.constexpr(6.283185307179586)


@triton.jit
def load_halves(base, rows, stride, here, DIM: tl.constexpr, HALF: tl.constexpr):
    """Components i and i + DIM / 2 of these heads in float32, [rows, HALF] each, zero beyond DIM / 2."""
    column = tl.arange(0, HALF)
    place = base + rows[:, None] * stride + column[None, :]
    mask = here[:, None] & (column < DIM // 2)[None, :]
    first = tl.load(place, mask=mask, other=0.0).to(tl.float32)
    return first, tl.load(place + DIM // 2, mask=mask, other=0.0).to(tl.float32)


@triton.jit
def store_halves(base, rows, stride, here, first, second, DIM: tl.constexpr, HALF: tl.constexpr):
    """The reverse of `load_halves`, rounded to the type of `base`."""
    column = tl.arange(0, HALF)
    place = base + rows[:, None] * stride + column[None, :]
    mask = here[:, None] & (column < DIM // 2)[None, :]
    tl.store(place, first.to(base.dtype.element_ty), mask=mask)
    tl.store(place + DIM // 2, second.to(base.dtype.element_ty), mask=mask)


@triton.jit
def load_vector(vector, DIM: tl.constexpr, HALF: tl.constexpr):
    """The halves of a weight or bias in float32, [1, HALF] each."""
    column = tl.arange(0, HALF)
    mask = column < DIM // 2
    first = tl.load(vector + column, mask=mask, other=0.0).to(tl.float32)
    return first[None, :], tl.load(vector + DIM // 2 + column, mask=mask, other=0.0).to(tl.float32)[None, :]


@triton.jit
def normalised(first, second, eps, KIND: tl.constexpr, DIM: tl.constexpr, HALF: tl.constexpr):
    """Halves divided by the root of their mean square, and the factor that did it, [rows, 1]."""
    if KIND == "layer":
        inside = (tl.arange(0, HALF) < DIM // 2)[None, :]
        mean = (tl.sum(first, 1) + tl.sum(second, 1))[:, None] / DIM
        first, second = tl.where(inside, first - mean, 0.0), tl.where(inside, second - mean, 0.0)
    factor = 1 / tl.sqrt((tl.sum(first * first, 1) + tl.sum(second * second, 1))[:, None] / DIM + eps)
    return first * factor, second * factor, factor


@triton.jit
def cosine_sine(turns, rows, here, DIM: tl.constexpr, HALF: tl.constexpr):
    """Of the turns of these tokens, [rows, HALF] each.

    A turn is cut into quarters, where series of few terms are exact to float32: the general sine of a float32 has a
    slow branch for large arguments whose stack every thread would pay for.
    """
    column = tl.arange(0, HALF)
    mask = here[:, None] & (column < DIM // 2)[None, :]
    turn = tl.load(turns + rows[:, None] * (DIM // 2) + column[None, :], mask=mask, other=0.0).to(tl.float32)
    quarter = tl.floor(turn * 4 + 0.5)
    z = (turn - quarter * 0.25) * TAU
    z2 = z * z
    sine = z * (1 + z2 * (-1 / 6 + z2 * (1 / 120 + z2 * (-1 / 5040 + z2 * (1 / 362880)))))
    cosine = 1 + z2 * (-1 / 2 + z2 * (1 / 24 + z2 * (-1 / 720 + z2 * (1 / 40320 - z2 * (1 / 3628800)))))
    number = quarter.to(tl.int32) & 3
    odd = (number & 1) == 1
    c, s = tl.where(odd, sine, cosine), tl.where(odd, cosine, sine)
    return tl.where((number == 1) | (number == 2), -c, c), tl.where(number >= 2, -s, s)
