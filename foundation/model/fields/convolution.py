"""Convolutions in one to three dimensions, and how the transposed ones are made fast where PyTorch's are slow.

With few output channels in three dimensions PyTorch's transposed convolution reaches a quarter of a CPU's speed. The
same numbers come from an ordinary convolution with one output channel for each place between two strides, whose results
are then interleaved: y[s n + p] = sum over t of w[s t + p] x[n - t] for the places p = 0 ... s - 1 of a stride s.
Backwards PyTorch's own way is the faster one.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

CONVOLUTION = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
LAYOUT = {3: torch.contiguous_format, 4: torch.channels_last, 5: torch.channels_last_3d}  # by rank; twice as fast
FEW = 16  # output channels


def transposed(
    x: Float[Tensor, "N I *size"], kernel: Float[Tensor, "I O *k"], bias: Float[Tensor, "O"] | None, strides: list[int]
) -> Float[Tensor, "N O *larger"]:
    """conv_transpose in 1 to 3 dimensions, (size - 1) * stride + k points along each axis."""
    layout = LAYOUT[kernel.dim()]
    x = x.contiguous(memory_format=layout)
    if len(strides) == 3 and kernel.shape[1] <= FEW and x.device.type == "cpu":
        bias = kernel.new_zeros(kernel.shape[1]) if bias is None else bias
        return _Interleaved.apply(x, kernel, bias, strides)
    return TRANSPOSED[len(strides)](x, kernel.contiguous(memory_format=layout), bias, stride=strides)


class _Interleaved(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor, bias: Tensor, strides: list[int]) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(x, kernel)
        ctx.strides = strides
        return interleaved(x, kernel, bias, strides)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        x, kernel = (y.to(gradient.dtype) for y in ctx.saved_tensors)  # autocast may have rounded the result alone
        layout, zero, one = LAYOUT[kernel.dim()], [0] * len(ctx.strides), [1] * len(ctx.strides)
        gradient, kernel = (y.contiguous(memory_format=layout) for y in (gradient, kernel))
        slopes = torch.ops.aten.convolution_backward(
            gradient, x, kernel, [kernel.shape[1]], ctx.strides, zero, one, True, zero, 1, ctx.needs_input_grad[:3]
        )
        return *slopes, None


def interleaved(
    x: Float[Tensor, "N I *size"],
    kernel: Float[Tensor, "I O *k"],
    bias: Float[Tensor, "O"] | None,
    strides: Sequence[int],
) -> Float[Tensor, "N O *larger"]:
    """`transposed` by one ordinary convolution."""
    rank, lengths = len(strides), kernel.shape[2:]
    taps = [-(-k // s) for k, s in zip(lengths, strides, strict=True)]
    missing = [n * s - k for n, s, k in zip(taps, strides, lengths, strict=True)]
    whole = F.pad(kernel, [m for more in reversed(missing) for m in (0, more)])
    parts = whole.reshape(*kernel.shape[:2], *(n for pair in zip(taps, strides, strict=True) for n in pair))
    order = [1, *range(3, 3 + 2 * rank, 2), 0, *range(2, 2 + 2 * rank, 2)]  # O, places, I, taps
    ordinary = parts.permute(order).reshape(-1, len(kernel), *taps).flip(list(range(2, 2 + rank)))
    ordinary = ordinary.contiguous(memory_format=LAYOUT[kernel.dim()])
    repeated = None if bias is None else bias.repeat_interleave(prod(strides))
    y = CONVOLUTION[rank](x, ordinary, repeated, padding=[n - 1 for n in taps])
    y = y.unflatten(1, (-1, *strides))  # N, O, places, size
    y = y.permute(0, 1, *(n for a in range(rank) for n in (2 + rank + a, 2 + a)))
    y = y.reshape(*y.shape[:2], *(y.shape[2 + 2 * a] * stride for a, stride in enumerate(strides)))
    for a, more in enumerate(missing):
        y = y.narrow(2 + a, 0, y.shape[2 + a] - more)
    return y
