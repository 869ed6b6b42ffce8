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

SEQUENCE = "order"  # the axis along which the tokens of a sequence are counted


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

    start: Tensor

    def __init__(self, spaces: Sequence[Space], width: int) -> None:
        super().__init__()
        self.places = GridPlaces(spaces)
        start = torch.zeros(len(spaces), AXES, dtype=torch.long)
        rows = 1  # row 0 stays zero and serves the axes a space does not have
        for i, s in enumerate(spaces):
            for a, axis in enumerate(s.axes):
                start[i, a] = rows
                rows += axis.count
        self.register_buffer("start", start, persistent=False)
        self.table = nn.Embedding(rows, width, padding_idx=0)

    def forward(
        self, space: Int[Tensor, "E"], position: Float[Tensor, "E A"], like: Tensor
    ) -> Float[Tensor, "E width"]:
        """The vectors to add, with the dtype of `like`.

        Raises:
            FoundationError: a position off the grid of its space.
        """
        rows = self.start[space] + self.places(space, position)  # [E, AXES]
        return F.embedding_bag(rows, self.table.weight, mode="sum", padding_idx=0).to(like.dtype)


class GridSines(nn.Module):
    """Fixed sines and cosines of the number of a grid point, exactly those of AION-1 and 4M; no parameters.

    Of two axes each has half of the width; a space with one is a row of such a plane, one without axes its first point.
    The tokens of a sequence, whose only axis is called SEQUENCE, have the whole width for their number.

    Raises:
        FoundationError: a space with three axes or more, or a width that four does not divide.
    """

    start: Tensor
    column: Tensor
    halves: Tensor

    def __init__(self, spaces: Sequence[Space], width: int) -> None:
        super().__init__()
        deep = [s.name for s in spaces if len(s.axes) > 2]
        if deep or width % 4:
            raise FoundationError(
                f"Grid positions of width {width} for {', '.join(deep) or 'these spaces'}: they are for one or two "
                "axes and a width divisible by 4. Use `--model.position sinusoidal`."
            )
        self.places = GridPlaces(spaces)
        longest = max((a.count for s in spaces for a in s.axes), default=1)
        plane, sequence = _sines(longest, width // 4), _sines(longest, width // 2)
        halves = torch.cat([plane.flatten(1), sequence[:, 0], sequence[:, 1]])  # [3 longest, width / 2]
        self.register_buffer("halves", halves, persistent=False)
        start = torch.tensor([[longest, 2 * longest] if _sequential(s) else [0, 0] for s in spaces])
        column = torch.tensor([_columns(s) for s in spaces])
        self.register_buffer("start", start, persistent=False)
        self.register_buffer("column", column, persistent=False)

    def forward(
        self, space: Int[Tensor, "E"], position: Float[Tensor, "E A"], like: Tensor
    ) -> Float[Tensor, "E width"]:
        """The vectors to add, with the dtype of `like`.

        Raises:
            FoundationError: a position off the grid of its space.
        """
        place = self.places(space, position).gather(1, self.column[space])  # [E, 2]
        return self.halves[self.start[space] + place].flatten(1).to(like.dtype)


class GridPlaces(nn.Module):
    """Which point of its space's grid a position is, along each axis; the nearest counts."""

    grid: Tensor

    def __init__(self, spaces: Sequence[Space]) -> None:
        super().__init__()
        self.names = [s.name for s in spaces]
        low, step, count = torch.zeros(3, len(spaces), AXES, dtype=torch.float64)
        for i, s in enumerate(spaces):
            for a, axis in enumerate(s.axes):
                low[i, a], step[i, a], count[i, a] = axis.low, axis.step, axis.count
        self.register_buffer("grid", _bits(torch.stack([low, step, count], -1)), persistent=False)

    def forward(self, space: Int[Tensor, "E"], position: Float[Tensor, "E A"]) -> Int[Tensor, "E A"]:
        """Numbers from 0; 0 along the axes that a space does not have.

        Raises:
            FoundationError: a position off the grid of its space.
        """
        low, step, count = _floats(self.grid)[space].unbind(-1)  # [E, AXES] each
        has_axis = count > 0
        index = torch.where(has_axis, ((position - low) / step).round(), 0)
        off = has_axis & ((index < 0) | (index >= count))
        if off.any():
            self._refuse(space, position, off)
        return index.long()

    def _refuse(self, space: Tensor, position: Tensor, off: Tensor) -> None:
        row, axis = torch.nonzero(off)[0].tolist()
        raise FoundationError(
            f"A token of {self.names[int(space[row])]!r} has position {float(position[row, axis]):g} on axis {axis}, "
            "outside the table. Use `--model.position sinusoidal`, or widen the axis of its tokenizer."
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


def _sequential(space: Space) -> bool:
    return len(space.axes) == 1 and space.axes[0].name == SEQUENCE


def _columns(space: Space) -> list[int]:
    """Which columns of a position the two halves of the width tell; the last column is 0 with two axes or fewer."""
    return [0, 0] if _sequential(space) else [AXES - 1, AXES - 1, *range(len(space.axes))][-2:]


def _sines(count: int, channels: int) -> Float[Tensor, "count 2 channels"]:
    """sin and cos of 0, 1, ... by frequencies from 1 towards 1e-4, in the precision of the release: float32."""
    frequency = 1 / 10000.0 ** (torch.arange(channels, dtype=torch.float32) / channels)
    angle = torch.arange(count, dtype=torch.float32)[:, None] * frequency
    return torch.stack([angle.sin(), angle.cos()], 1)


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
