"""Norm and rotation in PyTorch as one step of autograd: it keeps its input alone, where PyTorch would keep four copies.

Both are cheap and their results are as large as their input, so the backward pass computes them again.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from foundation.kernels.prologue.reference import rotate


def rms_rotate(
    x: Float[Tensor, "T heads dim"], weight: Float[Tensor, "dim"], turns: Float[Tensor, "T half"] | None, eps: float
) -> Float[Tensor, "T heads dim"]:
    """rotate(x / sqrt(mean(x^2) + eps) * weight, turns), computed in float32 or better and rounded once."""
    return _RmsRotate.apply(x, weight, turns, eps)


class _RmsRotate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, turns: Tensor | None, eps: float) -> Tensor:  # noqa: ANN401
        fine = x.to(torch.promote_types(x.dtype, torch.float32))
        inverse = (torch.linalg.vector_norm(fine, dim=-1, keepdim=True).square() / x.shape[-1] + eps).rsqrt()
        ctx.save_for_backward(x, weight, turns, inverse)
        return rotate((fine * inverse).mul_(weight.to(fine.dtype)), turns).to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        x, weight, turns, inverse = ctx.saved_tensors
        into_norm = rotate(gradient.to(inverse.dtype), None if turns is None else -turns)
        normed = x.to(inverse.dtype) * inverse
        into_weight = torch.einsum("thd,thd->d", into_norm, normed)
        into_normed = into_norm * weight.to(inverse.dtype)
        along = (into_normed * normed).mean(-1, keepdim=True)
        into_x = torch.addcmul(into_normed, normed, along, value=-1).mul_(inverse)
        return into_x.to(x.dtype), into_weight.to(weight.dtype), None, None
