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

from foundation.kernels.prologue.norm import HeadNorm

PIECE = 2**17  # numbers of a piece: 512 KiB of float32


def norm_rotate(
    x: Float[Tensor, "T heads dim"], norm: HeadNorm, turns: Float[Tensor, "T half"] | None
) -> Float[Tensor, "T heads dim"]:
    """`reference_prologue` with gradients of x and of the norm, but none of the turns."""
    return _NormRotate.apply(x, norm.weight, norm.bias, turns, norm.kind == "layer", norm.eps)


class _NormRotate(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        turns: Tensor | None,
        centred: bool,
        eps: float,
    ) -> Tensor:
        dtype = torch.promote_types(x.dtype, torch.float32)
        out, inverse = _like(x), x.new_empty(*x.shape[:2], 1, dtype=dtype)
        mean = torch.empty_like(inverse) if centred else None
        for part in _pieces(x):
            fine = x[part].to(dtype)
            if mean is not None:
                fine = fine - torch.mean(fine, -1, keepdim=True, out=mean[part])
            square = torch.linalg.vector_norm(fine, dim=-1, keepdim=True).square() / x.shape[-1]
            inverse[part] = (square + eps).rsqrt()
            y = (fine * inverse[part]).mul_(weight)
            out[part] = _rotate_(y if bias is None else y.add_(bias), turns, part, 1)
        ctx.save_for_backward(x, weight, bias, turns, inverse, mean)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        x, weight, bias, turns, inverse, mean = ctx.saved_tensors
        dtype, dim = inverse.dtype, x.shape[-1]
        into_x, into_weight, into_bias = _like(x), *(torch.zeros_like(weight, dtype=dtype) for _ in range(2))
        fine_weight = weight.to(dtype)
        for part in _pieces(x):
            slope = _rotate_(gradient[part].to(dtype, copy=True), turns, part, -1)
            fine = x[part].to(dtype)
            normed = (fine if mean is None else fine - mean[part]) * inverse[part]
            product = slope * normed
            into_weight += product.sum((0, 1))
            along = (product @ fine_weight)[..., None] / dim
            if bias is not None:
                into_bias += slope.sum((0, 1))
            level = None if mean is None else (slope @ fine_weight)[..., None] / dim
            slope.mul_(fine_weight).addcmul_(normed, along, value=-1)
            into_x[part] = (slope if level is None else slope.sub_(level)).mul_(inverse[part])
        bias_slope = None if bias is None else into_bias.to(bias.dtype)
        return into_x, into_weight.to(weight.dtype), bias_slope, None, None, None


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
