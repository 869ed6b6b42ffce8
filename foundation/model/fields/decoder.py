"""FieldDecoder: two transposed convolutions from tokens back to points, of the fields that are asked for and no others.

Along periodic axes the tokens continue around the ring by as many as reach into it, rounded up; what sticks out is cut
off. (Walrus rounds down, and so loses four points wherever 8 - s is not a multiple of a stride s.) The kernel is
averaged over axes of one point.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from foundation.model.fields.boundary import FLAGS
from foundation.model.fields.convolution import transposed
from foundation.model.fields.encoder import as_image, as_rows
from foundation.model.fields.norm import norm_silu
from foundation.model.fields.strides import KERNELS, AxisPlan, Grid, around


class FieldDecoder(nn.Module):
    """The mirror of FieldEncoder; the columns of the flags exist and are never asked for.

    Args:
        fields: columns of the table, the flags not counted; they come before the fields.
        inner: channels between the convolutions.
        width: of a token.
    """

    def __init__(self, fields: int, inner: int, width: int) -> None:
        super().__init__()
        first, second = KERNELS
        self.proj1 = nn.Parameter(torch.empty(width, inner, second, second, second))
        self.norm1 = nn.Parameter(torch.empty(inner))
        self.proj2 = nn.Parameter(torch.empty(inner, len(FLAGS) + fields, first, first, first))
        self.bias2 = nn.Parameter(torch.empty(len(FLAGS) + fields))

    def forward(
        self, tokens: Float[Tensor, "N S width"], columns: Int[Tensor, "C"], grid: Grid
    ) -> Float[Tensor, "N C h w d"]:
        """The fields of the columns on the padded grid."""
        live = [axis for axis in grid if axis.live]
        x = as_image(tokens, [axis.tokens for axis in live])
        x = _closed(x, _planar(self.proj1, grid), None, live, 1)
        size = x.shape[2:]
        x = as_image(norm_silu(as_rows(x), self.norm1), size)
        kernel, bias = self.proj2.index_select(1, columns), self.bias2.index_select(0, columns)
        x = _closed(x, _planar(kernel, grid), bias, live, 0)
        lengths = iter(x.shape[2:])
        return x.reshape(*x.shape[:2], *(next(lengths) if axis.live else 1 for axis in grid))


def _planar(kernel: Float[Tensor, "I O k k k"], grid: Grid) -> Float[Tensor, "I O *k"]:
    """Averaged over axes of one point."""
    flat = [2 + a for a, axis in enumerate(grid) if not axis.live]
    return kernel.mean(flat) if flat else kernel


def _closed(
    x: Float[Tensor, "N I *size"], kernel: Tensor, bias: Tensor | None, live: list[AxisPlan], layer: int
) -> Float[Tensor, "N O *larger"]:
    """The transposed convolution of one layer, rings closed."""
    extra = [beyond(axis, layer) for axis in live]
    for a, more in enumerate(extra):
        x = x.index_select(2 + a, around(x.shape[2 + a], more, more, x.device)) if more else x
    strides = [axis.stride[layer] for axis in live]
    x = transposed(x, kernel, bias, strides)
    for a, (more, stride) in enumerate(zip(extra, strides, strict=True)):
        x = x.narrow(2 + a, more * stride, x.shape[2 + a] - 2 * more * stride)
    return x


def beyond(axis: AxisPlan, layer: int) -> int:
    """Tokens beyond either end of a ring that reach into it."""
    stride = axis.stride[layer]
    return -(-(KERNELS[layer] - stride) // stride) if axis.periodic else 0
