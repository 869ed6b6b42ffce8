"""Launch: the prologue's kernels on tensors, with the block sizes they were compiled and checked for."""

import torch
import triton
from torch import Tensor

from foundation.kernels.prologue.gpu.backward import prologue_backward
from foundation.kernels.prologue.gpu.forward import prologue_forward

BLOCK = 16  # tokens of a program
WARPS = 4


def launch_forward(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, turns: Tensor | None, kind: str, eps: float
) -> Tensor:
    """The heads [T, heads, dim], normalised and rotated."""
    x = _adjacent(x)
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    if x.numel():
        prologue_forward[(triton.cdiv(len(x), BLOCK),)](
            x, _whole(weight), _whole(bias), _whole(turns), out, len(x), x.shape[1], *x.stride()[:2], eps,
            **_constants(kind, x.shape[-1]),
        )  # fmt: skip
    return out


def launch_backward(
    gradient: Tensor, x: Tensor, weight: Tensor | None, turns: Tensor | None, kind: str, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x [T, heads, dim], of weight and of bias float32 [dim], the latter empty without a norm."""
    gradient, x = _adjacent(gradient), _adjacent(x)
    dx = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    programs, width = triton.cdiv(len(x), BLOCK), 0 if weight is None else x.shape[-1]
    dweight, dbias = torch.empty(2, programs, width, dtype=torch.float32, device=x.device)
    if x.numel():
        prologue_backward[(programs,)](
            gradient, x, _whole(weight), _whole(turns), dx, dweight, dbias, len(x), x.shape[1],
            *gradient.stride()[:2], *x.stride()[:2], eps, **_constants(kind, x.shape[-1]),
        )  # fmt: skip
    return dx, dweight.sum(0), dbias.sum(0)


def _constants(kind: str, dim: int) -> dict[str, object]:
    return {"KIND": kind, "DIM": dim, "HALF": triton.next_power_of_2(dim // 2), "BLOCK": BLOCK, "num_warps": WARPS}


def _adjacent(x: Tensor) -> Tensor:
    return x if x.stride(-1) == 1 else x.contiguous()


def _whole(x: Tensor | None) -> Tensor | None:
    return None if x is None else x.contiguous()
