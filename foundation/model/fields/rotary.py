"""Rotary positions of tokens in a box: each axis runs from -1 to 1 whatever its physical length, as in Walrus.

The pairs (i, i + dim / 2) of a head are rotated, axis after axis, and the remaining pairs stay.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foundation.model.fields.strides import Grid

HIGHEST = 128  # times pi: the largest frequency; the lowest is pi


class AxialRotary(nn.Module):
    """Frequencies of one block: shared by the three axes, or learned for each.

    Args:
        count: frequencies of an axis.
        learned: whether each axis has its own as parameters.
    """

    def __init__(self, count: int, learned: bool) -> None:
        super().__init__()
        start = math.pi * torch.linspace(1, HIGHEST, count)
        if learned:
            self.frequency = nn.ParameterList(nn.Parameter(start.clone()) for _ in range(3))
        else:
            self.register_buffer("frequency", start)

    def forward(self, place: Float[Tensor, "S 3"], dim: int) -> Float[Tensor, "S half"]:
        """Fractions of a turn of the pairs of a head of `dim` components, formed in float64, in the model's type."""
        each = [self.frequency] * 3 if isinstance(self.frequency, Tensor) else list(self.frequency)
        turns = [place[:, a, None] * f.to(place.dtype) / (2 * math.pi) for a, f in enumerate(each)]
        still = place.new_zeros(len(place), dim // 2 - sum(map(len, each)))
        all_turns = torch.cat([*turns, still], 1)
        return (all_turns - all_turns.detach().floor()).to(torch.promote_types(each[0].dtype, torch.float32))


def places(grid: Grid, rolls: Sequence[tuple[int, int, int]], device: torch.device) -> Float[Tensor, "S 3"]:
    """Coordinates of the tokens, row-major, after their grid was rolled by so many tokens along each axis in turn.

    Only the position code knows where a token is, so rolling it backwards is rolling the tokens; they need not move.
    """
    lines = [
        torch.linspace(-1, 1, axis.tokens, dtype=torch.float64, device=device).roll(-sum(roll))
        for axis, *roll in zip(grid, *rolls, strict=True)
    ]
    return torch.cartesian_prod(*lines)
