"""Jitter: shift a field by a random number of points before it is cut into patches, and back afterwards, exactly.

Strided convolutions stamp an error whose period is a token; in a roll-out it grows coherently where it always falls on
the same points. Random shifts make it incoherent (Walrus, arXiv:2511.15684). Along periodic axes the position code of
the tokens is shifted as well, anew before each block, so that no place of a ring is special.

Everything random in a forward pass is drawn here, at once and on the CPU, so that recomputing a block repeats it.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from foundation.model.fields.boundary import pad_open
from foundation.model.fields.strides import Grid, around


@dataclass(frozen=True, eq=False)
class Draws:
    """What chance decided for one forward pass.

    Args:
        shifts: points by which the field is rolled along each axis.
        rolls: for each block, tokens by which their grid is rolled before it.
        keep: float [blocks, 2, B], what the time and the space layer of a block are multiplied by: 0 where left out;
            None = 1.
    """

    shifts: tuple[int, int, int]
    rolls: tuple[tuple[int, int, int], ...]
    keep: Float[Tensor, "blocks 2 B"] | None = None

    @classmethod
    def none(cls, depth: int) -> "Draws":
        """Nothing is shifted and nothing left out."""
        return cls((0, 0, 0), ((0, 0, 0),) * depth)

    @classmethod
    def of(cls, generator: Generator, grid: Grid, depth: int, drop: float, batch: int) -> "Draws":
        """Uniform shifts and rolls; layers left out with a probability that rises from 0 to `drop`."""
        a, b, c = (_symmetric(axis.reach_of_shift, generator) for axis in grid)
        rolls = tuple(_roll(grid, generator) for _ in range(depth))
        if drop == 0:
            return cls((a, b, c), rolls)
        stay = 1 - torch.linspace(0, drop, depth).view(-1, 1, 1)
        keep = (torch.rand(depth, 2, batch, generator=generator) < stay) / stay
        return cls((a, b, c), rolls, keep)


def place(x: Float[Tensor, "N C H W D"], grid: Grid, shifts: tuple[int, int, int]) -> Float[Tensor, "N C h w d"]:
    """Pad, shift and continue rings: the grid on which tokens are made."""
    return shift(pad_open(x, grid), grid, shifts)


def shift(x: Float[Tensor, "N C H W D"], grid: Grid, shifts: tuple[int, int, int]) -> Float[Tensor, "N C h w d"]:
    """Roll what is padded already, then continue the rings."""
    x = torch.roll(x, shifts, (2, 3, 4)) if any(shifts) else x
    for a, axis in enumerate(grid):
        if axis.periodic and axis.live:
            x = x.index_select(2 + a, around(axis.length, axis.before, axis.after, x.device))
    return x


def take_back(x: Float[Tensor, "N C h w d"], grid: Grid, shifts: tuple[int, int, int]) -> Float[Tensor, "N C H W D"]:
    """The exact inverse of `place`: cut rings, roll back, cut the padding."""
    for a, axis in enumerate(grid):
        if axis.periodic:
            x = x.narrow(2 + a, axis.before, axis.length)
    x = torch.roll(x, tuple(-s for s in shifts), (2, 3, 4)) if any(shifts) else x
    for a, axis in enumerate(grid):
        if not axis.periodic:
            x = x.narrow(2 + a, axis.before, axis.length)
    return x


def _roll(grid: Grid, generator: Generator) -> tuple[int, int, int]:
    """Any roll of the tokens along the periodic axes; a singleton axis has one."""
    a, b, c = (_below(axis.tokens, generator) if axis.periodic and axis.live else 0 for axis in grid)
    return a, b, c


def _symmetric(reach: int, generator: Generator) -> int:
    return _below(2 * reach + 1, generator) - reach if reach else 0


def _below(count: int, generator: Generator) -> int:
    return int(torch.randint(count, (), generator=generator))
