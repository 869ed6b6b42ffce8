"""Fused attention with a trainable bias: PyTorch's own keeps all probabilities if the bias needs a gradient.

The forward is the fused one with the bias as its mask; the backward makes the probabilities again, some rows at a time.
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

ROWS = 64  # of queries at a time in the backward: their probabilities stay in cache


def biased_attention(
    q: Float[Tensor, "B heads n dim"],
    k: Float[Tensor, "B heads m dim"],
    v: Float[Tensor, "B heads m dim"],
    bias: Float[Tensor, "B heads n m"],
    scale: float,
) -> Float[Tensor, "B heads n dim"]:
    """softmax(q k^T * scale + bias) v with all four gradients; rows whose bias is all -inf give zeros."""
    return _Biased.apply(q, k, v, bias, scale)


class _Biased(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, bias: Tensor, scale: float) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(q, k, v, bias)
        ctx.scale = scale
        return F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=scale)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, None]:  # noqa: ANN401
        q, k, v, bias = ctx.saved_tensors
        grad_q, grad_bias = torch.empty_like(q), torch.empty_like(bias)
        grad_k, grad_v = torch.zeros_like(k), torch.zeros_like(v)
        for first in range(0, q.shape[2], ROWS):
            rows = slice(first, first + ROWS)
            logits = torch.matmul(q[:, :, rows] * ctx.scale, k.mT).add_(bias[:, :, rows])
            p = logits.softmax(-1).nan_to_num_(nan=0.0)  # NaN where a row sees nothing, as all of it is -inf
            grad_v += torch.matmul(p.mT, grad[:, :, rows])
            slope = torch.matmul(grad[:, :, rows], v.mT)
            slope = slope.sub_((slope * p).sum(-1, keepdim=True)).mul_(p)
            grad_bias[:, :, rows] = slope
            grad_q[:, :, rows] = torch.matmul(slope, k) * ctx.scale
            grad_k += torch.matmul(slope.mT, q[:, :, rows]) * ctx.scale
        return grad_q, grad_k, grad_v, grad_bias, None
