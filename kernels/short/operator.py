"""The kernels of short attention as operators of PyTorch, so that autograd and torch.compile see through them."""

from typing import Any

import torch
from torch import Tensor


@torch.library.custom_op("foundation::short_heads", mutates_args=())
def short_heads(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    bias: Tensor | None,
    q_weight: Tensor | None,
    q_bias: Tensor | None,
    q_kind: str,
    q_eps: float,
    k_weight: Tensor | None,
    k_bias: Tensor | None,
    k_kind: str,
    k_eps: float,
    causal: bool,
    scale: float,
) -> Tensor:
    """Attention among frames, [positions, frames, heads, dim]; bias is [heads, frames, frames]."""
    from foundation.kernels.short.gpu.launch import Norms, launch_forward

    norms = Norms(q_weight, q_bias, q_kind, q_eps, k_weight, k_bias, k_kind, k_eps)
    return launch_forward(q, k, v, bias, norms, causal, scale)


@torch.library.custom_op("foundation::short_heads_backward", mutates_args=())
def short_heads_backward(
    gradient: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    bias: Tensor | None,
    q_weight: Tensor | None,
    q_bias: Tensor | None,
    q_kind: str,
    q_eps: float,
    k_weight: Tensor | None,
    k_bias: Tensor | None,
    k_kind: str,
    k_eps: float,
    causal: bool,
    scale: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of q, k and v; of bias [heads, frames, frames]; of weights and biases [4, dim] (q's, then k's)."""
    from foundation.kernels.short.gpu.launch import Norms, launch_backward

    norms = Norms(q_weight, q_bias, q_kind, q_eps, k_weight, k_bias, k_kind, k_eps)
    return launch_backward(gradient, q, k, v, bias, norms, causal, scale)


@short_heads.register_fake
def _(q: Tensor, k: Tensor, v: Tensor, *rest: Any) -> Tensor:  # noqa: ANN401
    return q.new_empty(q.shape)


@short_heads_backward.register_fake
def _(gradient: Tensor, q: Tensor, k: Tensor, v: Tensor, *rest: Any) -> tuple[Tensor, ...]:  # noqa: ANN401
    _, frames, heads, dim = q.shape
    dq, dk, dv = (q.new_empty(q.shape) for _ in range(3))
    bias = q.new_empty(heads, frames, frames, dtype=torch.float32)
    return dq, dk, dv, bias, q.new_empty(4, dim, dtype=torch.float32)


def _keep(ctx: Any, inputs: tuple, output: Tensor) -> None:  # noqa: ANN401
    tensors = [x if isinstance(x, Tensor) else None for x in inputs]
    ctx.rest = [None if isinstance(x, Tensor) else x for x in inputs]
    ctx.save_for_backward(*tensors)


def _gradients(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
    saved = ctx.saved_tensors
    inputs = [x if rest is None else rest for x, rest in zip(saved, ctx.rest, strict=True)]
    dq, dk, dv, dbias, vectors = short_heads_backward(gradient, *inputs)
    places = [dq, dk, dv, dbias, vectors[0], vectors[1], None, None, vectors[2], vectors[3], None, None, None, None]
    return tuple(None if x is None or g is None else g.to(x.dtype) for x, g in zip(saved, places, strict=True))


short_heads.register_autograd(_gradients, setup_context=_keep)
