"""The prologue's Triton kernels as operators of PyTorch, so that autograd and torch.compile see through them."""

from typing import Any

import torch
from torch import Tensor


@torch.library.custom_op("foundation::head_prologue", mutates_args=())
def head_prologue(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, turns: Tensor | None, kind: str, eps: float
) -> Tensor:
    """Normalised and rotated heads, [T, heads, dim]; see `qk_prologue`."""
    from foundation.kernels.prologue.gpu.launch import launch_forward

    return launch_forward(x, weight, bias, turns, kind, eps)


@head_prologue.register_fake
def _(x: Tensor, weight: Tensor | None, bias: Tensor | None, turns: Tensor | None, kind: str, eps: float) -> Tensor:
    return x.new_empty(x.shape)


@torch.library.custom_op("foundation::head_prologue_backward", mutates_args=())
def head_prologue_backward(
    gradient: Tensor, x: Tensor, weight: Tensor | None, turns: Tensor | None, kind: str, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x, weight and bias; the latter two float32 [dim], without rows if there is no norm."""
    from foundation.kernels.prologue.gpu.launch import launch_backward

    return launch_backward(gradient, x, weight, turns, kind, eps)


@head_prologue_backward.register_fake
def _(
    gradient: Tensor, x: Tensor, weight: Tensor | None, turns: Tensor | None, kind: str, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    width = 0 if weight is None else x.shape[-1]
    vector = x.new_empty(width, dtype=torch.float32)
    return x.new_empty(x.shape), vector, vector.clone()


def _keep(ctx: Any, inputs: tuple, output: Tensor) -> None:  # noqa: ANN401
    x, weight, bias, turns, ctx.kind, ctx.eps = inputs
    ctx.bias_type = None if bias is None else bias.dtype
    ctx.save_for_backward(x, weight, turns)


def _gradients(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
    x, weight, turns = ctx.saved_tensors
    dx, dweight, dbias = head_prologue_backward(gradient, x, weight, turns, ctx.kind, ctx.eps)
    dweight = None if weight is None else dweight.to(weight.dtype)
    dbias = None if ctx.bias_type is None else dbias.to(ctx.bias_type)
    return dx, dweight, dbias, None, None, None


head_prologue.register_autograd(_gradients, setup_context=_keep)
