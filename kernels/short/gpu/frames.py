"""What both directions of short attention share: rows of (position, frame), their norms and the weights of keys.

A program holds ROWS = positions * FRAMES rows of one head, FRAMES a power of two; a frame of all positions is loaded
once for each row, from the cache after the first time. Matrices over pairs of frames are [ROWS, FRAMES].
"""

import triton
import triton.language as tl


@triton.jit
def load_frame(x, position, frame, here, s_position, s_frame, DIM: tl.constexpr, WIDTH: tl.constexpr):
    """That frame at these positions in float32, [ROWS, WIDTH], zero beyond DIM and where not `here`."""
    column = tl.arange(0, WIDTH)
    place = x + (position * s_position + frame * s_frame)[:, None] + column[None, :]
    return tl.load(place, mask=here[:, None] & (column < DIM)[None, :], other=0.0).to(tl.float32)


@triton.jit
def store_frame(x, position, frame, here, s_position, s_frame, value, DIM: tl.constexpr, WIDTH: tl.constexpr):
    """The reverse of `load_frame`, rounded to the type of `x`."""
    column = tl.arange(0, WIDTH)
    place = x + (position * s_position + frame * s_frame)[:, None] + column[None, :]
    tl.store(place, value.to(x.dtype.element_ty), mask=here[:, None] & (column < DIM)[None, :])


@triton.jit
def load_vector(vector, DIM: tl.constexpr, WIDTH: tl.constexpr):
    """A weight or bias in float32, [1, WIDTH]."""
    column = tl.arange(0, WIDTH)
    return tl.load(vector + column, mask=column < DIM, other=0.0).to(tl.float32)[None, :]


@triton.jit
def unit(x, eps, KIND: tl.constexpr, DIM: tl.constexpr, WIDTH: tl.constexpr):
    """Rows divided by the root of their mean square, and the factor that did it."""
    if KIND == "layer":
        x = tl.where((tl.arange(0, WIDTH) < DIM)[None, :], x - tl.sum(x, 1)[:, None] / DIM, 0.0)
    factor = 1 / tl.sqrt(tl.sum(x * x, 1)[:, None] / DIM + eps)
    return x * factor, factor


@triton.jit
def scaled(x, weight, bias, eps, KIND: tl.constexpr, DIM: tl.constexpr, WIDTH: tl.constexpr):
    """Rows after the whole normalisation."""
    if weight is not None:
        x, _ = unit(x, eps, KIND, DIM, WIDTH)
        x = x * load_vector(weight, DIM, WIDTH)
    if bias is not None:
        x = x + load_vector(bias, DIM, WIDTH)
    return x


@triton.jit
def unscaled(gradient, x, weight, eps, KIND: tl.constexpr, DIM: tl.constexpr, WIDTH: tl.constexpr):
    """From the gradient behind the normalisation: of the rows, of the weight, of the bias, [WIDTH] the latter two."""
    x, factor = unit(x, eps, KIND, DIM, WIDTH)
    dweight, dbias = tl.sum(gradient * x, 0), tl.sum(gradient, 0)
    gradient = gradient * load_vector(weight, DIM, WIDTH)
    inner = gradient - x * (tl.sum(gradient * x, 1)[:, None] / DIM)
    if KIND == "layer":
        inner = inner - tl.sum(gradient, 1)[:, None] / DIM
    return inner * factor, dweight, dbias


@triton.jit
def weights(
    q, k, position, frame, here, s_position, s_frame, bias, head, k_weight, k_bias, k_eps, scale,
    COUNT: tl.constexpr, FRAMES: tl.constexpr, CAUSAL: tl.constexpr,
    K_KIND: tl.constexpr, DIM: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """Softmax over the COUNT key frames for normalised query rows q, [ROWS, FRAMES]."""
    column = tl.arange(0, FRAMES)[None, :]
    score = tl.zeros([q.shape[0], FRAMES], tl.float32)
    for j in range(COUNT):
        key = load_frame(k, position, j, here, s_position, s_frame, DIM, WIDTH)
        key = scaled(key, k_weight, k_bias, k_eps, K_KIND, DIM, WIDTH)
        score = tl.where(column == j, tl.sum(q * key, 1)[:, None], score)
    score = score * scale
    if bias is not None:
        place = bias + (head * COUNT + frame[:, None]) * COUNT + column
        inside = (frame < COUNT)[:, None] & (column < COUNT)
        score += tl.load(place, mask=inside, other=0.0).to(tl.float32)
    seen = column < COUNT
    if CAUSAL:
        seen = seen & (column <= frame[:, None])
    score = tl.where(seen, score, float("-inf"))
    power = tl.exp(score - tl.max(score, 1)[:, None])
    return power / tl.sum(power, 1)[:, None]
