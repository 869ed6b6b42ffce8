"""FieldEncoder: two strided convolutions from fields and boundary flags to tokens, with kernels chosen by field.

Axes of one point are left out of the convolution and the kernel is summed over them, so that a plane may lie in any two
of the three axes. The flags do not change from frame to frame: as the convolution is linear, their part of it is
computed once and added.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from foundation.model.fields.boundary import FLAGS
from foundation.model.fields.convolution import CONVOLUTION, LAYOUT
from foundation.model.fields.norm import norm_silu
from foundation.model.fields.recompute import recomputed
from foundation.model.fields.strides import KERNELS, Grid


class FieldEncoder(nn.Module):
    """Fields in columns of a table; a sample uses the columns of the fields that it has.

    Args:
        fields: columns of the table, the flags not counted; they come before the fields.
        inner: channels between the convolutions.
        width: of a token.
        increments: whether frames come with a second channel for each field, after all the first.
    """

    def __init__(self, fields: int, inner: int, width: int, increments: bool = False) -> None:
        super().__init__()
        first, second = KERNELS
        self.proj1_increments = nn.Parameter(torch.empty(inner, fields, first, first, first)) if increments else None
        self.proj1 = nn.Parameter(torch.empty(inner, len(FLAGS) + fields, first, first, first))
        self.norm1 = nn.Parameter(torch.empty(inner))
        self.proj2 = nn.Parameter(torch.empty(width, inner, second, second, second))
        self.norm2 = nn.Parameter(torch.empty(width))

    def forward(
        self,
        values: Float[Tensor, "N channels h w d"],
        flags: Float[Tensor, "K 3 h w d"],
        columns: Int[Tensor, "C"],
        grid: Grid,
        scale: Float[Tensor, "1"],
    ) -> Float[Tensor, "N S width"]:
        """Tokens of padded frames times `scale`, sample by sample in each frame.

        Flags are given once or for each sample, in the order of FLAGS. The scale goes to the kernel, not to the
        frames: then these need no gradient.
        """
        gain = math.sqrt(
            (self.proj1.shape[1] - len(FLAGS)) / len(columns)
        )  # absent fields leave variance to the others
        sides = len(FLAGS) - 1  # the bias correction, last of the flags, has the gain of a field
        used = torch.cat([torch.arange(len(FLAGS), device=columns.device), columns])
        kernel = _planar(self.proj1.index_select(1, used), grid) * scale
        kernel = torch.cat([kernel[:, :sides], kernel[:, sides:] * gain], 1)
        of_flags, of_fields = kernel.split([len(FLAGS), len(columns)], 1)
        if self.proj1_increments is not None:
            further = _planar(self.proj1_increments.index_select(1, columns - len(FLAGS)), grid) * scale
            of_fields = torch.cat([of_fields, further * gain], 1)
        x = _convolve(values, of_fields, grid, 0)
        x = _add_each(x, _convolve(flags, of_flags, grid, 0))
        x = recomputed(self._second, as_rows(x), x.shape[2:], grid)  # up to the convolution
        return norm_silu(as_rows(x), self.norm2)

    def _second(self, rows: Float[Tensor, "N P inner"], size: torch.Size, grid: Grid) -> Float[Tensor, "N width *less"]:
        return _convolve(as_image(norm_silu(rows, self.norm1), size), _planar(self.proj2, grid), grid, 1)


def as_rows(x: Float[Tensor, "N C *size"]) -> Float[Tensor, "N S C"]:
    """Points as rows; a view of what convolutions return."""
    return x.flatten(2).transpose(1, 2).contiguous()


def as_image(rows: Float[Tensor, "N S C"], size: Sequence[int]) -> Float[Tensor, "N C *size"]:
    """The inverse of `as_rows`, without a copy."""
    return rows.transpose(1, 2).unflatten(2, tuple(size))


def _planar(kernel: Float[Tensor, "O I k k k"], grid: Grid) -> Float[Tensor, "O I *k"]:
    """Summed over axes of one point."""
    flat = [2 + a for a, axis in enumerate(grid) if not axis.live]
    return kernel.sum(flat) if flat else kernel


def _convolve(x: Tensor, kernel: Tensor, grid: Grid, layer: int) -> Float[Tensor, "N O *size"]:
    """Over the axes that are longer than 1; x may still have the others."""
    x = x.reshape(*x.shape[:2], *(n for n in x.shape[2:] if n > 1))
    layout = LAYOUT[kernel.dim()]
    stride = [axis.stride[layer] for axis in grid if axis.live]
    return CONVOLUTION[kernel.dim() - 2](
        x.contiguous(memory_format=layout), kernel.contiguous(memory_format=layout), stride=stride
    )


def _add_each(x: Float[Tensor, "N *rest"], flags: Float[Tensor, "K *rest"]) -> Float[Tensor, "N *rest"]:
    """The part of the flags to every frame: N = T * K with samples inside frames, or K = 1."""
    return (x.unflatten(0, (-1, len(flags))) + flags).flatten(0, 1)
