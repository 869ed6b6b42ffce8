"""The forward kernel of short attention: one program some positions of one head, all in registers."""

import triton
import triton.language as tl

from foundation.kernels.short.gpu.frames import load_frame, scaled, store_frame, weights


@triton.jit
def short_forward(
    q, k, v, out, bias, q_weight, q_bias, k_weight, k_bias, positions, heads,
    q_position, q_frame, q_head, k_position, k_frame, k_head, v_position, v_frame, v_head, q_eps, k_eps, scale,
    COUNT: tl.constexpr, FRAMES: tl.constexpr, ROWS: tl.constexpr, CAUSAL: tl.constexpr,
    Q_KIND: tl.constexpr, K_KIND: tl.constexpr, DIM: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """out [positions, COUNT, heads, DIM] from strided q, k, v; bias [heads, COUNT, COUNT] and norms may be None."""
    row, head = tl.arange(0, ROWS), tl.program_id(1).to(tl.int64)
    position, frame = tl.program_id(0).to(tl.int64) * (ROWS // FRAMES) + row // FRAMES, row % FRAMES
    there = position < positions  # rows of frames beyond COUNT compute, but are not stored
    here = there & (frame < COUNT)
    query = load_frame(q + head * q_head, position, frame, here, q_position, q_frame, DIM, WIDTH)
    query = scaled(query, q_weight, q_bias, q_eps, Q_KIND, DIM, WIDTH)
    p = weights(
        query, k + head * k_head, position, frame, there, k_position, k_frame, bias, head, k_weight, k_bias, k_eps,
        scale, COUNT, FRAMES, CAUSAL, K_KIND, DIM, WIDTH,
    )  # fmt: skip
    result = tl.zeros([ROWS, WIDTH], tl.float32)
    for j in range(COUNT):
        weight = tl.sum(tl.where(tl.arange(0, FRAMES)[None, :] == j, p, 0.0), 1)[:, None]
        result += weight * load_frame(v + head * v_head, position, j, there, v_position, v_frame, DIM, WIDTH)
    store_frame(out + head * DIM, position, frame, here, COUNT * heads * DIM, heads * DIM, result, DIM, WIDTH)
