"""Norm and rotation in PyTorch as one step of autograd: it keeps its input alone, where PyTorch would keep four copies.

Both are cheap and their results are as large as their input, so the backward pass computes them again. On a CPU rows go
through in pieces that stay in its cache from the first operation to the last.
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

PIECE = 2**17  # numbers of a piece: 512 KiB of float32


def rms_rotate(
    x: Float[Tensor, "T heads dim"], weight: Float[Tensor, "dim"], turns: Float[Tensor, "T half"] | None, eps: float
) -> Float[Tensor, "T heads dim"]:
    """rotate(x / sqrt(mean(x^2) + eps) * weight, turns), computed in float32 or better and rounded once."""
    return _RmsRotate.apply(x, weight, turns, eps)


class _RmsRotate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, turns: Tensor | None, eps: float) -> Tensor:  # noqa: ANN401
        dtype = torch.promote_types(x.dtype, torch.float32)
        out, inverse = _like(x), x.new_empty(*x.shape[:2], 1, dtype=dtype)
        for part in _pieces(x):
            fine = x[part].to(dtype)
            mean = torch.linalg.vector_norm(fine, dim=-1, keepdim=True).square() / x.shape[-1]
            inverse[part] = (mean + eps).rsqrt()
            out[part] = _rotate_((fine * inverse[part]).mul_(weight), turns, part, 1)
        ctx.save_for_backward(x, weight, turns, inverse)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        x, weight, turns, inverse = ctx.saved_tensors
        into_x, into_weight = _like(x), torch.zeros_like(weight, dtype=inverse.dtype)
        fine_weight = weight.to(inverse.dtype)
        for part in _pieces(x):
            into_norm = _rotate_(gradient[part].to(inverse.dtype, copy=True), turns, part, -1)
            normed = x[part].to(inverse.dtype) * inverse[part]
            product = into_norm * normed
            into_weight += product.sum((0, 1))
            along = (product @ fine_weight)[..., None] / x.shape[-1]
            into_x[part] = into_norm.mul_(fine_weight).addcmul_(normed, along, value=-1).mul_(inverse[part])
        return into_x, into_weight.to(weight.dtype), None, None


def _rotate_(y: Float[Tensor, "t heads dim"], turns: Tensor | None, part: slice, sign: int) -> Tensor:
    """`rotate` in place, by the turns of these rows times the sign."""
    if turns is None:
        return y
    angle = turns[part, None] * (sign * 2 * math.pi)  # [t, 1, dim / 2]
    cos, sin = angle.cos(), angle.sin()
    a, b = y.chunk(2, -1)
    turned = (a * cos).addcmul_(b, sin, value=-1)
    b.mul_(cos).addcmul_(a, sin)
    a.copy_(turned)
    return y


def _like(x: Float[Tensor, "T heads dim"]) -> Float[Tensor, "T heads dim"]:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


def _pieces(x: Float[Tensor, "T heads dim"]) -> Iterator[slice]:
    """Rows that go through together: all of them on a GPU, and where a compiler fuses the operations anyway."""
    whole = x.device.type != "cpu" or torch.compiler.is_compiling()
    step = max(1, len(x) if whole else PIECE // math.prod(x.shape[1:]))
    return (slice(i, i + step) for i in range(0, len(x), step))
