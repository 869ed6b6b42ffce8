"""Boundaries: what lies beyond each side of a field, as padding and as three channels that say so.

The channels are those of Walrus (arXiv:2511.15684): one is 1 inside the domain and 0 in the padding, and stands for a
bias of the convolution that knows the geometry; one counts the walls and one the open sides whose padding a point lies
in, so that a corner between two walls has 2.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from foundation.errors import FoundationError
from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.strides import Grid, plan_grid

WALL, OPEN, PERIODIC = 0, 1, 2
FLAGS = ("closed_boundary", "open_boundary", "bias_correction")  # the first columns of the encoder's table


def boundary_codes(boundary: Int[Tensor, "*sides"], batch: int) -> Int[Tensor, "K 3 2"]:
    """The codes on the CPU, once if all samples share them (K = 1) or for each sample (K = batch).

    Raises:
        FoundationError: another shape or code, or an axis that is periodic at one side only.
    """
    codes = boundary.cpu()
    if tuple(codes.shape) not in ((3, 2), (batch, 3, 2)):
        raise FoundationError(
            f"boundary has shape {list(boundary.shape)}. Give [3, 2] (axis, side), or [{batch}, 3, 2] for each sample."
        )
    if bool(((codes < WALL) | (codes > PERIODIC)).any()):
        raise FoundationError(
            f"boundary has codes {sorted(set(codes.flatten().tolist()))}. "
            f"Give {WALL} for a wall, {OPEN} for an open side, {PERIODIC} for a periodic axis."
        )
    ring = codes == PERIODIC
    if not torch.equal(ring[..., 0], ring[..., 1]):
        raise FoundationError(
            f"boundary {codes.tolist()}: an axis is periodic at one side. Make it so at both or none."
        )
    codes = codes.view(-1, 3, 2)
    return codes[:1] if bool((codes == codes[0]).all()) else codes


def periodic_axes(codes: Int[Tensor, "K 3 2"]) -> tuple[bool, bool, bool]:
    """Which axes close on themselves: they have other padding, so it is one answer for a batch.

    Raises:
        FoundationError: samples differ.
    """
    ring = codes[..., 0] == PERIODIC
    if not bool((ring == ring[0]).all()):
        raise FoundationError("samples of one batch are periodic along different axes. Put them into batches apart.")
    a, b, c = ring[0].tolist()
    return a, b, c


def grid_of(space: Sequence[int], codes: Int[Tensor, "K 3 2"], config: FieldModelConfig) -> Grid:
    """Strides and paddings that a model with this config chooses for fields of so many points along each axis."""
    return plan_grid(space, periodic_axes(codes), config.tokens, config.jitter)


def pad_open(x: Float[Tensor, "N C H W D"], grid: Grid) -> Float[Tensor, "N C h w d"]:
    """Zeros around walls and open sides; periodic axes stay as they are."""
    pads = [n for axis in reversed(grid) for n in ((0, 0) if axis.periodic else (axis.before, axis.after))]
    return F.pad(x, pads)


def flag_channels(codes: Int[Tensor, "K 3 2"], grid: Grid, like: Tensor) -> Float[Tensor, "K 3 h w d"]:
    """The three channels in the order of FLAGS on the grid that `pad_open` gives, with type and device of `like`."""
    inside = pad_open(like.new_ones(1, 1, *(axis.length for axis in grid)), grid)
    beyond = inside.new_zeros(len(codes), 2, *inside.shape[2:])
    for a, axis in enumerate(grid):
        if not axis.periodic:
            for side, count in enumerate((axis.before, axis.after)):
                start = side * (inside.shape[2 + a] - count)
                _count_side(beyond.narrow(2 + a, start, count), codes[:, a, side].tolist())
    return torch.cat([beyond, inside.expand(len(codes), -1, -1, -1, -1)], 1)


def _count_side(beyond: Float[Tensor, "K 2 h w d"], kinds: Sequence[int]) -> None:
    for sample, kind in zip(beyond, kinds, strict=True):
        sample[kind] += 1
