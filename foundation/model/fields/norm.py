"""Instance norm: each channel of each frame divided by its root mean square over space, and what may follow it.

Walrus calls it a group norm but takes the mean over space alone (no mean is removed, and epsilon is that of the number
type), so every channel's amplitude is lost inside a block. The norm is cheap and its result as large as its input:
`norm_linear` and `norm_silu` keep the input only and compute the norm again in the backward pass.
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable


def instance_norm(x: Float[Tensor, "N S C"], gain: Float[Tensor, "C"]) -> Float[Tensor, "N S C"]:
    """x / sqrt(mean over S of x^2 + eps) * gain, with the machine epsilon of x."""
    return x * (_inverse_rms(x) * gain)


def norm_linear(
    x: Float[Tensor, "N S C"], gain: Float[Tensor, "C"], weight: Float[Tensor, "O C"], bias: Float[Tensor, "O"]
) -> Float[Tensor, "N S O"]:
    """linear(instance_norm(x, gain), weight, bias); the product in the type of autocast, the norm in that of x."""
    return _NormLinear.apply(x, gain, weight, bias, _product_type(x))


def norm_silu(x: Float[Tensor, "N S C"], gain: Float[Tensor, "C"]) -> Float[Tensor, "N S C"]:
    """silu(instance_norm(x, gain)), with x in float32 or better."""
    return _NormSiLU.apply(x.to(torch.promote_types(x.dtype, torch.float32)), gain)


class _NormLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gain: Tensor, weight: Tensor, bias: Tensor, kind: torch.dtype) -> Tensor:  # noqa: ANN401
        inverse = _inverse_rms(x)
        ctx.save_for_backward(x, gain, weight, inverse)
        ctx.kind = kind
        return F.linear((x * (inverse * gain)).to(kind), weight.to(kind), bias.to(kind))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        x, gain, weight, inverse = ctx.saved_tensors
        rows = gradient.flatten(0, 1)
        weight_gradient = rows.T @ (x * (inverse * gain)).to(ctx.kind).flatten(0, 1)
        into_norm = (gradient @ weight.to(ctx.kind)).to(x.dtype)
        into_x, into_gain = _norm_backward(into_norm, x, gain, inverse)
        bias_gradient = rows.sum(0, dtype=weight.dtype)
        return into_x, into_gain, weight_gradient.to(weight.dtype), bias_gradient, None


class _NormSiLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gain: Tensor) -> Tensor:  # noqa: ANN401
        inverse = _inverse_rms(x)
        ctx.save_for_backward(x, gain, inverse)
        return F.silu(x * (inverse * gain), inplace=True)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ANN401
        x, gain, inverse = ctx.saved_tensors
        into_norm = torch.ops.aten.silu_backward(gradient, x * (inverse * gain))
        return _norm_backward(into_norm, x, gain, inverse)


def _norm_backward(
    gradient: Float[Tensor, "N S C"], x: Float[Tensor, "N S C"], gain: Float[Tensor, "C"], inverse: Tensor
) -> tuple[Float[Tensor, "N S C"], Float[Tensor, "C"]]:
    """Gradients of x and gain."""
    along = (gradient * x).sum(1, keepdim=True) * inverse  # [N, 1, C]
    pull = along * inverse.square() * gain / x.shape[1]
    return torch.addcmul(gradient * (inverse * gain), x, pull, value=-1), along.sum((0, 1))


def _inverse_rms(x: Float[Tensor, "N S C"]) -> Float[Tensor, "N 1 C"]:
    square = torch.linalg.vector_norm(x, dim=1, keepdim=True).square()
    return (square / x.shape[1] + torch.finfo(x.dtype).eps).rsqrt()


def _product_type(x: Tensor) -> torch.dtype:
    device = x.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype
