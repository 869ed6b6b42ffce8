"""Kernels that are known to keep or to break each limit of the check."""

import triton
import triton.language as tl

from foundation.kernels.variant import Variant


@triton.jit
def product(a, b, out, steps, N: tl.constexpr):
    """out = sum of N x N products along a loop."""
    row = tl.arange(0, N)[:, None] * N + tl.arange(0, N)[None, :]
    total = tl.zeros([N, N], tl.float32)
    for step in range(steps):
        total = tl.dot(tl.load(a + row + step * N * N), tl.load(b + row + step * N * N), total)
    tl.store(out + row, total.to(out.dtype.element_ty))


@triton.jit
def crowded(a, out, N: tl.constexpr):
    """Keeps more numbers until their maximum is known than one warp has registers for."""
    place = tl.arange(0, N)
    numbers = tl.load(a + place).to(tl.float32)
    tl.store(out + place, numbers - tl.max(numbers, 0))


PRODUCT = {"a": "*bf16", "b": "*bf16", "out": "*bf16", "steps": "i32"}
DEMANDS = {"tensor_cores": True, "pipelined": True}
VARIANTS = (
    Variant("product", "toy_kernels:product", PRODUCT, {"N": 64}, stages=3, **DEMANDS),
    Variant("small", "toy_kernels:product", PRODUCT, {"N": 16}, warps=1, stages=1, **DEMANDS),
    Variant("crowded", "toy_kernels:crowded", {"a": "*fp32", "out": "*fp32"}, {"N": 8192}, warps=1),
)
