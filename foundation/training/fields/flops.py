"""Useful operations of a field model: convolutions, linear maps and visible pairs; norms are not counted."""

import math
from collections.abc import Sequence

from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.strides import KERNELS, Grid, token_grid

CONVOLUTIONS = 2  # as many again to read the tokens out


def forward_flops(config: FieldModelConfig, grid: Grid, windows: int, frames: int, channels: int) -> float:
    """Operations of a forward pass over windows of so many frames and channels (2 for each product and sum)."""
    width, tokens = config.width, math.prod(token_grid(grid))
    rows = windows * frames * tokens
    space = 2 * (width * (2 * config.hidden + 3 * width) + width * (config.hidden + width)) + 4 * width * tokens
    time = 8 * width**2 + 2 * width * (frames + 1)
    return rows * (config.depth * (space + time) + CONVOLUTIONS * _convolutions(config, grid, channels) / tokens)


def _convolutions(config: FieldModelConfig, grid: Grid, channels: int) -> float:
    """Of one frame on its way to tokens."""
    between = math.prod(_between(grid))
    first, second = (math.prod(_points(grid, kernel)) for kernel in KERNELS)
    tokens = math.prod(token_grid(grid))
    return 2 * config.inner * (between * channels * first + tokens * config.width * second)


def _between(grid: Grid) -> list[int]:
    """Points along each axis between the two convolutions."""
    return [1 if axis.length == 1 else (axis.tokens - 1) * axis.stride[1] + KERNELS[1] for axis in grid]


def _points(grid: Grid, kernel: int) -> Sequence[int]:
    """Points of a kernel along each axis; it is summed over an axis of one point."""
    return [1 if axis.length == 1 else kernel for axis in grid]
