"""Positions: physical coordinates of tokens as vectors added to the embedding, or as rotations inside attention.

Axes of the same name and unit share their frequencies over all spaces, so that one wavelength looks the same in two
surveys. Phases are formed in float64 and reduced to one turn before they are cast: in float32 a wavelength of 1e4 Å
at a period of 1 Å would keep three digits of its phase.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from foundation.errors import FoundationError
from foundation.tokens import AXES, Axis, Space


class Sinusoidal(nn.Module):
    """Fixed sines and cosines, as AION-1 (arXiv:2510.17960) but of physical coordinates; no parameters.

    The width is split equally among the axes of a space; a space without axes gets phase 0 throughout.
    """

    def __init__(self, spaces: Sequence[Space], width: int) -> None:
        super().__init__()
        self.turns = Turns(spaces, width // 2, remainder=False)

    def forward(
        self, space: Int[Tensor, "E"], position: Float[Tensor, "E A"], like: Tensor
    ) -> Float[Tensor, "E width"]:
        """The vectors to add, with the dtype of `like`."""
        angle = self.turns(space, position, like.dtype) * (2 * math.pi)  # [E, width / 2]
        return torch.cat([angle.sin(), angle.cos()], -1).to(like.dtype)


class Learned(nn.Module):
    """A trained vector for every grid point of every axis of every space; a position's vectors are summed."""

    grid: Tensor

    def __init__(self, spaces: Sequence[Space], width: int) -> None:
        super().__init__()
        self.names = [s.name for s in spaces]
        start, low, step, count = torch.zeros(4, len(spaces), AXES, dtype=torch.float64)
        rows = 1  # row 0 stays zero and serves the axes a space does not have
        for i, s in enumerate(spaces):
            for a, axis in enumerate(s.axes):
                start[i, a], low[i, a], step[i, a], count[i, a] = rows, axis.low, axis.step, axis.count
                rows += axis.count
        self.register_buffer("grid", _bits(torch.stack([start, low, step, count], -1)), persistent=False)
        self.table = nn.Embedding(rows, width, padding_idx=0)

    def forward(
        self, space: Int[Tensor, "E"], position: Float[Tensor, "E A"], like: Tensor
    ) -> Float[Tensor, "E width"]:
        """The vectors to add, with the dtype of `like`.

        Raises:
            FoundationError: a position off the grid of its space.
        """
        start, low, step, count = _floats(self.grid)[space].unbind(-1)  # [E, AXES] each
        has_axis = count > 0
        index = torch.where(has_axis, ((position - low) / step).round(), 0)
        off = has_axis & ((index < 0) | (index >= count))
        if off.any():
            self._refuse(space, position, off)
        rows = (start + index).long()  # [E, AXES]
        return F.embedding_bag(rows, self.table.weight, mode="sum", padding_idx=0).to(like.dtype)

    def _refuse(self, space: Tensor, position: Tensor, off: Tensor) -> None:
        row, axis = torch.nonzero(off)[0].tolist()
        raise FoundationError(
            f"A token of {self.names[int(space[row])]!r} has position {float(position[row, axis]):g} on axis {axis}, "
            "outside the learned table. Use `--model.position sinusoidal`, or widen the axis of its tokenizer."
        )


class Rotary(nn.Module):
    """Rotations of queries and keys (RoFormer, arXiv:2104.09864) by physical coordinates.

    The pairs of a head are split equally among the axes of a space; pairs left over, and spaces without axes, are not
    rotated.
    """

    def __init__(self, spaces: Sequence[Space], head_width: int) -> None:
        super().__init__()
        self.turns = Turns(spaces, head_width // 2, remainder=True)

    def forward(self, space: Int[Tensor, "E"], position: Float[Tensor, "E A"], like: Tensor) -> Float[Tensor, "E half"]:
        """By what fraction of a full turn to rotate every pair of a head."""
        return self.turns(space, position, like.dtype)


class Turns(nn.Module):
    """Phases of `channels` channels as fractions of a turn: coordinate times frequency, modulo 1.

    Args:
        remainder: leave channels that do not divide equally among the axes at phase 0, instead of giving them away.
    """

    frequency: Tensor
    column: Tensor

    def __init__(self, spaces: Sequence[Space], channels: int, remainder: bool) -> None:
        super().__init__()
        shared = _shared_axes(spaces)
        frequency = torch.zeros(len(spaces), channels, dtype=torch.float64)
        column = torch.zeros(len(spaces), channels, dtype=torch.long)
        for i, s in enumerate(spaces):
            used = channels - channels % len(s.axes) if remainder and s.axes else channels
            for a, part in enumerate(torch.arange(used).tensor_split(len(s.axes)) if s.axes else ()):
                frequency[i, part], column[i, part] = _frequencies(shared[s.axes[a].name, s.axes[a].unit], len(part)), a
        self.register_buffer("frequency", _bits(frequency), persistent=False)
        self.register_buffer("column", column, persistent=False)

    def forward(
        self, space: Int[Tensor, "E"], position: Float[Tensor, "E A"], dtype: torch.dtype
    ) -> Float[Tensor, "E channels"]:
        """In [0, 1], float64 for float64 models and float32 for others."""
        turns = position.gather(1, self.column[space]) * _floats(self.frequency)[space]
        turns = turns - turns.floor()
        return turns.to(dtype if dtype == torch.float64 else torch.float32)


def _frequencies(axis: Axis, count: int) -> Float[Tensor, "count"]:
    """Turns per unit, geometric from one turn in two steps to one in twice the range."""
    short, long = 2 * axis.step, max(2 * (axis.high - axis.low), 2 * axis.step)
    return 1 / torch.logspace(math.log2(short), math.log2(long), count, base=2, dtype=torch.float64)


def _shared_axes(spaces: Sequence[Space]) -> dict[tuple[str, str], Axis]:
    """(name, unit) -> the axis that covers every axis called so."""
    shared: dict[tuple[str, str], Axis] = {}
    for axis in (a for s in spaces for a in s.axes):
        known = shared.get((axis.name, axis.unit), axis)
        low, high, step = min(known.low, axis.low), max(known.high, axis.high), min(known.step, axis.step)
        shared[axis.name, axis.unit] = Axis(axis.name, axis.unit, low, high, step)
    return shared


def _bits(table: Float[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
    """float64 as int64: a buffer that follows the module's device but not a cast of the module to bfloat16."""
    return table.view(torch.int64)


def _floats(table: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    return table.view(torch.float64)
