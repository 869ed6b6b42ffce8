"""The backward kernel of short attention: the same rows again, first as queries, then as keys."""

import triton
import triton.language as tl

from foundation.kernels.short.gpu.frames import load_frame, scaled, store_frame, unscaled, weights


@triton.jit
def entries(matrix, j, FRAMES: tl.constexpr):
    """Column j of a matrix over pairs of frames, [ROWS, 1]."""
    return tl.sum(tl.where(tl.arange(0, FRAMES)[None, :] == j, matrix, 0.0), 1)[:, None]


@triton.jit
def turned(matrix, ROWS: tl.constexpr, FRAMES: tl.constexpr):
    """The matrix of each position transposed: rows of keys, columns of queries."""
    cube = tl.reshape(matrix, [ROWS // FRAMES, FRAMES, FRAMES])
    return tl.reshape(tl.permute(cube, [0, 2, 1]), [ROWS, FRAMES])


@triton.jit
def store_vectors(vectors, which, dweight, dbias, DIM: tl.constexpr, WIDTH: tl.constexpr):
    """Gradients of a norm's weight and bias into rows `which` and `which + 1` of this program's [4, DIM]."""
    column = tl.arange(0, WIDTH)
    program = tl.program_id(1).to(tl.int64) * tl.num_programs(0) + tl.program_id(0)
    place = vectors + (program * 4 + which) * DIM + column
    tl.store(place, dweight, mask=column < DIM)
    tl.store(place + DIM, dbias, mask=column < DIM)


@triton.jit
def store_pairs(pairs, head, ds, ROWS: tl.constexpr, COUNT: tl.constexpr, FRAMES: tl.constexpr):
    """The sum over positions of the logits' gradient into this program's [COUNT, COUNT]."""
    total = tl.sum(tl.reshape(ds, [ROWS // FRAMES, FRAMES, FRAMES]), 0)
    i, j = tl.arange(0, FRAMES)[:, None], tl.arange(0, FRAMES)[None, :]
    program = tl.program_id(0).to(tl.int64) * tl.num_programs(1) + head
    tl.store(pairs + (program * COUNT + i) * COUNT + j, total, mask=(i < COUNT) & (j < COUNT))


@triton.jit
def short_backward(
    gradient, q, k, v, dq, dk, dv, pairs, vectors, bias, q_weight, q_bias, k_weight, k_bias, positions, heads,
    g_position, g_frame, g_head, q_position, q_frame, q_head, k_position, k_frame, k_head,
    v_position, v_frame, v_head, q_eps, k_eps, scale,
    COUNT: tl.constexpr, FRAMES: tl.constexpr, ROWS: tl.constexpr, CAUSAL: tl.constexpr,
    Q_KIND: tl.constexpr, K_KIND: tl.constexpr, DIM: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """dq, dk, dv [positions, COUNT, heads, DIM]; pairs float32 [programs 0, heads, COUNT, COUNT] of the bias and
    vectors float32 [programs, 4, DIM] of the norms, both to be summed over programs by who launches this."""
    row, head = tl.arange(0, ROWS), tl.program_id(1).to(tl.int64)
    position, frame = tl.program_id(0).to(tl.int64) * (ROWS // FRAMES) + row // FRAMES, row % FRAMES
    there = position < positions
    here = there & (frame < COUNT)
    gradient, q, k, v = gradient + head * g_head, q + head * q_head, k + head * k_head, v + head * v_head
    out_position, out_frame = COUNT * heads * DIM, heads * DIM

    query = load_frame(q, position, frame, here, q_position, q_frame, DIM, WIDTH)
    p = weights(
        scaled(query, q_weight, q_bias, q_eps, Q_KIND, DIM, WIDTH), k, position, frame, there, k_position, k_frame,
        bias, head, k_weight, k_bias, k_eps, scale, COUNT, FRAMES, CAUSAL, K_KIND, DIM, WIDTH,
    )  # fmt: skip
    p = tl.where(here[:, None], p, 0.0)
    above = load_frame(gradient, position, frame, here, g_position, g_frame, DIM, WIDTH)
    dp = tl.zeros([ROWS, FRAMES], tl.float32)
    for j in range(COUNT):
        value = load_frame(v, position, j, there, v_position, v_frame, DIM, WIDTH)
        dp = tl.where(tl.arange(0, FRAMES)[None, :] == j, tl.sum(above * value, 1)[:, None], dp)
    ds = p * (dp - tl.sum(p * dp, 1)[:, None])
    if bias is not None:
        store_pairs(pairs, head, ds, ROWS, COUNT, FRAMES)

    dquery = tl.zeros([ROWS, WIDTH], tl.float32)
    for j in range(COUNT):
        key = load_frame(k, position, j, there, k_position, k_frame, DIM, WIDTH)
        dquery += entries(ds, j, FRAMES) * scaled(key, k_weight, k_bias, k_eps, K_KIND, DIM, WIDTH)
    dquery *= scale
    if q_weight is not None:
        dquery, dweight, dbias = unscaled(dquery, query, q_weight, q_eps, Q_KIND, DIM, WIDTH)
        store_vectors(vectors, 0, dweight, dbias, DIM, WIDTH)
    store_frame(dq + head * DIM, position, frame, here, out_position, out_frame, dquery, DIM, WIDTH)

    p, ds = turned(p, ROWS, FRAMES), turned(ds, ROWS, FRAMES)
    dkey, dvalue = tl.zeros([ROWS, WIDTH], tl.float32), tl.zeros([ROWS, WIDTH], tl.float32)
    for i in range(COUNT):
        above = load_frame(gradient, position, i, there, g_position, g_frame, DIM, WIDTH)
        dvalue += entries(p, i, FRAMES) * above
        query = load_frame(q, position, i, there, q_position, q_frame, DIM, WIDTH)
        dkey += entries(ds, i, FRAMES) * scaled(query, q_weight, q_bias, q_eps, Q_KIND, DIM, WIDTH)
    dkey *= scale
    store_frame(dv + head * DIM, position, frame, here, out_position, out_frame, dvalue, DIM, WIDTH)
    if k_weight is not None:
        key = load_frame(k, position, frame, here, k_position, k_frame, DIM, WIDTH)
        dkey, dweight, dbias = unscaled(dkey, key, k_weight, k_eps, K_KIND, DIM, WIDTH)
        store_vectors(vectors, 2, dweight, dbias, DIM, WIDTH)
    store_frame(dk + head * DIM, position, frame, here, out_position, out_frame, dkey, DIM, WIDTH)
