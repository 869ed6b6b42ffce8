"""Strides: how many grid points become one token on each axis, and what is padded so that they come out even.

A token is made by two convolutions with kernels of 8 and 4 points whose strides adapt to the length of the axis
(compute-adaptive stride modulation, arXiv:2507.09264). Walrus has a table for six ratios of points to tokens. The rule
here gives the same pairs and one for every other length: among 8 >= s1 >= s2 of 1, 2, 4 take the product nearest to the
ratio (in proportion, the larger of two equally near), and of equal products the one with the smallest s1.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

KERNELS = (8, 4)  # points that the first and the second convolution see
PAIRS = tuple((s1, s2) for s2 in (1, 2, 4) for s1 in range(s2, KERNELS[0] + 1))


def stride_pair(length: int, target: int) -> tuple[int, int]:
    """Strides of both convolutions for an axis of so many points and about so many tokens."""
    ratio = length / target
    return min(PAIRS, key=lambda s: (abs(math.log(s[0] * s[1] / ratio)), -s[0] * s[1], s[0]))


@dataclass(frozen=True)
class AxisPlan:
    """One axis of a field on its way to tokens and back.

    Either zeros are added (walls, open sides) or the ring is continued (periodic). Where a ring is not a multiple of
    the stride, the last token sees some of the first points again; they are cut off on the way back.

    Args:
        length: points.
        periodic: whether the axis closes on itself.
        stride: of the first and the second convolution.
        before: points added at the low side.
        after: points added at the high side.
        tokens: along the axis.
    """

    length: int
    periodic: bool
    stride: tuple[int, int]
    before: int
    after: int
    tokens: int

    @classmethod
    def of(cls, length: int, periodic: bool, target: int, jitter: bool) -> "AxisPlan":
        """The plan for about `target` tokens; with `jitter`, walls get room for shifts of half a token."""
        if length == 1:
            return cls(1, True, (1, 1), 0, 0, 1)
        s1, s2 = stride_pair(length, target)
        step, reach = s1 * s2, KERNELS[0] + (KERNELS[1] - 1) * s1  # of one token, in points
        before = (reach - step) // 2 + (step // 2 if jitter and not periodic else 0)
        spare = length - step if periodic else length + 2 * before - reach
        tokens = max(-(-spare // step), 0) + 1
        after = (tokens - 1) * step + reach - length - before
        return cls(length, periodic, (s1, s2), before, after, tokens)

    @property
    def live(self) -> bool:
        """Whether the axis has more than one point."""
        return self.length > 1

    @property
    def points(self) -> int:
        """Points a token stands for, that is tokens are so many points apart."""
        return self.stride[0] * self.stride[1]

    @property
    def reach_of_shift(self) -> int:
        """The largest shift of the patches to either side: half a ring, or what the padding has room for."""
        if self.points == 1:
            return 0
        return max((self.length // 2 if self.periodic else self.before) - 1, 0)


Grid = tuple[AxisPlan, AxisPlan, AxisPlan]


def plan_grid(space: Sequence[int], periodic: Sequence[bool], targets: Sequence[int], jitter: bool) -> Grid:
    """The plans of three axes; `targets` are the tokens along an axis if 1, 2 or 3 axes are longer than 1."""
    live = sum(n > 1 for n in space)
    target = targets[max(live, 1) - 1]
    a, b, c = (AxisPlan.of(n, p, target, jitter) for n, p in zip(space, periodic, strict=True))
    return a, b, c


def token_grid(grid: Grid) -> tuple[int, int, int]:
    """Tokens along each axis."""
    a, b, c = (axis.tokens for axis in grid)
    return a, b, c


def around(length: int, before: int, after: int, device: torch.device) -> Int[Tensor, "_"]:
    """Indices that continue a ring of so many points on both sides, any number of times."""
    return torch.arange(-before, length + after, device=device) % length
