"""What a micro-batch asks of a field model: useful operations, tokens and visible pairs; norms are not counted."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from foundation.data.fields.batch import FieldBatch
from foundation.model.fields.boundary import grid_of
from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.decoder import beyond
from foundation.model.fields.strides import KERNELS, AxisPlan, Grid, token_grid
from foundation.model.fields.unet import KERNEL
from foundation.model.fields.unet_config import UNetConfig


@dataclass(frozen=True)
class Load:
    """Of a forward pass.

    Args:
        operations: 2 for each product and sum.
        tokens: of the transformer, or points that the U-Net answers at.
        pairs: of tokens that see each other in space.
    """

    operations: float
    tokens: int
    pairs: int


def load_of(config: FieldModelConfig | UNetConfig, batch: FieldBatch, windows: int) -> Load:
    """Of so many windows like those of a batch, whose last frame is not shown."""
    space, frames, channels = batch.values.shape[3:], batch.values.shape[1] - 1, len(batch.names)
    if isinstance(config, UNetConfig):
        return Load(unet_flops(config, space, windows, frames, channels), windows * frames * math.prod(space), 0)
    grid = grid_of(space, batch.boundary.cpu(), config)
    rows = windows * frames * math.prod(token_grid(grid))
    return Load(forward_flops(config, grid, windows, frames, channels), rows, rows * math.prod(token_grid(grid)))


def forward_flops(config: FieldModelConfig, grid: Grid, windows: int, frames: int, channels: int) -> float:
    """Operations of the transformer over windows of so many frames and channels."""
    width, tokens = config.width, math.prod(token_grid(grid))
    rows = windows * frames * tokens
    space = 2 * (width * (2 * config.hidden + 3 * width) + width * (config.hidden + width)) + 4 * width * tokens
    time = 8 * width**2 + 2 * width * (frames + 1)
    return float(rows * config.depth * (space + time) + windows * frames * _convolutions(config, grid, channels))


def unet_flops(config: UNetConfig, space: Sequence[int], windows: int, frames: int, channels: int) -> float:
    """The same of the U-Net."""
    live = [n for n in space if n > 1]
    taps, widths = KERNEL ** max(len(live), 2), config.channels
    points = [math.prod(math.ceil(n / 2**level) for n in live) for level in range(len(widths))]
    ends = points[0] * channels * taps * widths[0] * (config.frames + 1)
    down = (n * _column(a, b, taps, config) for n, (a, b) in zip(points, pairwise((widths[0], *widths)), strict=True))
    up = (n * _column(a + b, a, taps, config) for n, (a, b) in zip(points[:-1], pairwise(widths), strict=True))
    return 2.0 * windows * frames * (ends + sum(down) + sum(up))


def _column(before: int, channels: int, taps: int, config: UNetConfig) -> int:
    """Products of the blocks of a level of the U-Net at one point."""
    first = taps * channels * (before + channels) + (before != channels) * before * channels
    return first + (config.blocks - 1) * 2 * taps * channels**2


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
