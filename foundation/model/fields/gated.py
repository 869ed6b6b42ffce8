"""The second half of a gated MLP: value * SiLU(gate) through a linear map, the product computed again backwards."""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable


def gated_linear(
    value: Float[Tensor, "*rows hidden"],
    gate: Float[Tensor, "*rows hidden"],
    weight: Float[Tensor, "O hidden"],
    bias: Float[Tensor, "O"],
) -> Float[Tensor, "*rows O"]:
    """linear(value * silu(gate), weight, bias) in the type of `value`; keeps nothing but its arguments."""
    return _GatedLinear.apply(value, gate, weight, bias)


class _GatedLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, gate: Tensor, weight: Tensor, bias: Tensor) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(value, gate, weight)
        return F.linear(F.silu(gate).mul_(value), weight.to(value.dtype), bias.to(value.dtype))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:  # noqa: ANN401
        value, gate, weight = ctx.saved_tensors
        rows = gradient.flatten(0, -2)
        weight_gradient = rows.T @ F.silu(gate).mul_(value).flatten(0, -2)
        into_product = gradient @ weight.to(value.dtype)
        into_gate = torch.ops.aten.silu_backward(into_product * value, gate)
        into_value = into_product.mul_(F.silu(gate))  # in place, and SiLU twice: this is where training holds most
        bias_gradient = rows.sum(0, dtype=weight.dtype)
        return into_value, into_gate, weight_gradient.to(weight.dtype), bias_gradient
