"""Useful operations of a field model: convolutions, linear maps and visible pairs; norms are not counted."""

import math

from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.decoder import beyond
from foundation.model.fields.strides import KERNELS, AxisPlan, Grid, token_grid


def forward_flops(config: FieldModelConfig, grid: Grid, windows: int, frames: int, channels: int) -> float:
    """Operations of a forward pass over windows of so many frames and channels (2 for each product and sum)."""
    width, tokens = config.width, math.prod(token_grid(grid))
    rows = windows * frames * tokens
    space = 2 * (width * (2 * config.hidden + 3 * width) + width * (config.hidden + width)) + 4 * width * tokens
    time = 8 * width**2 + 2 * width * (frames + 1)
    return float(rows * config.depth * (space + time) + windows * frames * _convolutions(config, grid, channels))


def _convolutions(config: FieldModelConfig, grid: Grid, channels: int) -> int:
    """Of one frame on its way to tokens and back; the flags of the boundary, the same for all frames, are left out."""
    live = [axis for axis in grid if axis.live]  # a kernel is summed over an axis of one point
    outer, inner = (channels * KERNELS[0] ** len(live), config.width * KERNELS[1] ** len(live))
    shown = outer * (1 + config.sees_increments)
    there = math.prod(map(_between, live)) * shown + math.prod(axis.tokens for axis in live) * inner
    back = math.prod(axis.tokens + 2 * beyond(axis, 1) for axis in live) * inner
    back += math.prod(_between(axis) + 2 * beyond(axis, 0) for axis in live) * outer
    return 2 * config.inner * (there + back)


def _between(axis: AxisPlan) -> int:
    """Points between the two convolutions, on the way there and back."""
    return (axis.tokens - 1) * axis.stride[1] + KERNELS[1]
