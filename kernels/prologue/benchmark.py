"""The prologue against norm and rotation written out in PyTorch: our kernel on a GPU, PyTorch's norms on a CPU."""

from collections.abc import Callable

import torch
from torch import Tensor

from foundation.bench import Row, side_by_side
from foundation.kernels.prologue.norm import HeadNorm
from foundation.kernels.prologue.prologue import qk_prologue
from foundation.kernels.prologue.reference import reference_prologue

TOKENS, HEADS, DIM = 4096, 12, 64


def fused_vs_eager() -> list[Row]:
    """Tokens per second, forward alone and with backward, in float32."""
    seed, device = torch.Generator().manual_seed(0), "cuda" if torch.cuda.is_available() else "cpu"
    qkv = torch.randn(TOKENS, 3, HEADS, DIM, generator=seed).to(device).requires_grad_()
    norm = HeadNorm("rms", torch.ones(DIM, device=device))
    turns = torch.rand(TOKENS, DIM // 2, generator=seed).to(device)

    def eager() -> tuple[Tensor, ...]:
        return tuple(reference_prologue(x, norm, turns) for x in qkv.unbind(1)[:2])

    def fused() -> tuple[Tensor, ...]:
        q, k, _ = qkv.unbind(1)
        return qk_prologue(q, k, norm, norm, turns, turns)

    return [
        side_by_side(
            f"prologue {what}", lambda run=run: run(eager, qkv), lambda run=run: run(fused, qkv), TOKENS, "tokens/s"
        )
        for what, run in (("forward", _forward), ("forward and backward", _both))
    ]


def _forward(function: Callable[[], tuple[Tensor, ...]], qkv: Tensor) -> None:
    with torch.no_grad():
        function()
    _finish(qkv)


def _both(function: Callable[[], tuple[Tensor, ...]], qkv: Tensor) -> None:
    torch.autograd.grad(torch.stack(function()).sum(), qkv)
    _finish(qkv)


def _finish(x: Tensor) -> None:
    """A GPU works behind the clock's back."""
    if x.is_cuda:
        torch.cuda.synchronize()
