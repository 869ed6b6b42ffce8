"""Short attention against PyTorch's fused attention: 6 frames at many places, as in the time layers of Walrus."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from foundation.bench import Row, side_by_side
from foundation.kernels.short.short import short_attention

POSITIONS, FRAMES, HEADS, DIM = 1024, 6, 16, 64


def short_vs_fused() -> list[Row]:
    """Positions per second of both, without and with gradients, in float32 and bfloat16."""
    return [
        side_by_side(f"short attention {what}, {dtype}", usual, ours, POSITIONS, "positions/s", turns=5)
        for dtype in (torch.float32, torch.bfloat16)
        for what, usual, ours in _pairs(dtype)
    ]


def _pairs(dtype: torch.dtype) -> list[tuple[str, Callable[[], object], Callable[[], object]]]:
    shape, seed = (POSITIONS, FRAMES, 3, HEADS, DIM), torch.Generator().manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    qkv = torch.randn(shape, generator=seed).to(device, dtype).requires_grad_()
    return [
        ("forward", lambda: _forward(_fused, qkv), lambda: _forward(_ours, qkv)),
        ("forward and backward", lambda: _both(_fused, qkv), lambda: _both(_ours, qkv)),
    ]


def _fused(qkv: Float[Tensor, "N frames 3 heads dim"]) -> Tensor:
    q, k, v = (x.transpose(1, 2) for x in qkv.unbind(2))
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2)


def _ours(qkv: Float[Tensor, "N frames 3 heads dim"]) -> Tensor:
    q, k, v = qkv.unbind(2)
    return short_attention(q, k, v)


def _forward(function: Callable[[Tensor], Tensor], qkv: Tensor) -> None:
    with torch.no_grad():
        function(qkv)
    _finish()


def _both(function: Callable[[Tensor], Tensor], qkv: Tensor) -> None:
    torch.autograd.grad(function(qkv).sum(), qkv)
    _finish()


def _finish() -> None:
    """A GPU works behind the clock's back."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
