"""Boundary conditions in The Well's layout: masks over the points of an axis, from and to one condition per side."""

from collections.abc import Mapping, Sequence

import numpy as np

from foundation.data.fields.opening import Node, WellError
from foundation.data.fields.record import SIDES, Side

Boundary = tuple[tuple[Side, Side], ...]


def read_boundary(group: Node, axes: Sequence[str], where: str) -> Boundary:
    """The condition of each side of each axis.

    As The Well's own reader has it: a side is open unless said otherwise; a mask over several axes makes a side a
    wall only if all of the side is one, and periodic or open if any of it is.

    Raises:
        WellError: an unknown condition or axis, or one that differs between trajectories or frames.
    """
    sides: list[list[Side]] = [["open", "open"] for _ in axes]
    for name, condition in group.items():
        kind = str(condition.attrs["bc_type"]).lower()
        over = _names(condition.attrs["associated_dims"])
        if kind not in SIDES or not set(over) <= set(axes):
            raise WellError(f"{where}: boundary {name!r} is {kind} over {over}, wanted {SIDES} over some of {axes}.")
        if any(condition.attrs.get(f"{what}_varying", False) for what in ("sample", "time")):
            raise WellError(f"{where}: boundary {name!r} varies; write trajectories of one boundary to a file each.")
        mask = np.asarray(condition["mask"], bool)
        agree = np.all if kind == "wall" else np.any
        for axis in over:
            for side, point in enumerate((0, -1)):
                if agree(np.take(mask, point, over.index(axis))):
                    sides[axes.index(axis)][side] = kind
    return tuple((left, right) for left, right in sides)


def write_boundary(group: Node, boundary: Boundary, space: Mapping[str, int]) -> None:
    """One condition per axis and kind, with a mask that is True at the first or last point, or both.

    Args:
        group: "boundary_conditions" of the file.
        boundary: (left, right) of each axis.
        space: axis -> number of points, in order.
    """
    for (axis, points), pair in zip(space.items(), boundary, strict=True):
        for kind in dict.fromkeys(pair):
            condition = group.create_group(f"{axis}_{kind}")
            condition.attrs["associated_dims"] = [axis]
            condition.attrs["associated_fields"] = np.array([], "S1")
            condition.attrs["bc_type"] = kind.upper()
            condition.attrs["sample_varying"] = condition.attrs["time_varying"] = False
            mask = np.zeros(points, bool)
            mask[0], mask[-1] = (side == kind for side in pair)
            condition["mask"] = mask


def _names(value: str | Sequence[str] | np.ndarray) -> list[str]:
    return [value] if isinstance(value, str) else list(map(str, value))
