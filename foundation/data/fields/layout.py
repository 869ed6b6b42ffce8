"""Layout: what one file of The Well holds, read from its header alone (arXiv:2412.00568; the_well 1.2)."""

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from foundation.data.fields.boundary import Boundary, read_boundary
from foundation.data.fields.opening import Node, WellError, explained

UNIFORM = 1e-3  # largest departure of a point from a uniform grid, in spacings, that is rounding
ORDERS = ("scalar", "vector", "tensor")


@dataclass(frozen=True)
class Stored:
    """One scalar, vector or tensor field of a file.

    Args:
        name: in the file, such as "velocity".
        order: 0 scalar, 1 vector, 2 tensor.
        names: of its scalar channels, such as velocity_x; a tensor's by row.
        by_trajectory: stored for each trajectory, rather than once.
        by_time: stored for each frame.
        by_axis: per axis of space whether it is stored along it, rather than once.
    """

    name: str
    order: int
    names: tuple[str, ...]
    by_trajectory: bool = True
    by_time: bool = True
    by_axis: tuple[bool, ...] = ()

    @property
    def path(self) -> str:
        """Where it is in the file."""
        return f"t{self.order}_fields/{self.name}"


@dataclass(frozen=True, eq=False)
class Layout:
    """The header of a file; picklable.

    Args:
        dataset: its name.
        system: of coordinates, such as "cartesian".
        axes: of space, in the order stored.
        trajectories: number of them.
        time: float64 [frame] or, where it differs, [trajectory, frame].
        points: float64 [n] per axis or, where they differ, [trajectory, n].
        boundary: (left, right) of each axis.
        fields: those that vary in time, then the constant ones; each by order, then as in the file.
        scalars: name -> float64 [], [trajectory], [frame] or [trajectory, frame].
        series: names of the scalars that vary in time.
    """

    dataset: str
    system: str
    axes: tuple[str, ...]
    trajectories: int
    time: np.ndarray
    points: tuple[np.ndarray, ...]
    boundary: Boundary
    fields: tuple[Stored, ...]
    scalars: dict[str, np.ndarray]
    series: tuple[str, ...]

    @property
    def frames(self) -> int:
        """Number of frames of a trajectory."""
        return self.time.shape[-1]

    @property
    def space(self) -> tuple[int, ...]:
        """Number of points along each axis."""
        return tuple(axis.shape[-1] for axis in self.points)

    @property
    def names(self) -> tuple[str, ...]:
        """All scalar channels."""
        return tuple(name for field in self.fields for name in field.names)


def read_layout(file: Node, path: Path) -> Layout:
    """The layout of an open file.

    Raises:
        WellError: a part is missing, or arrays have other axes than the header says.
    """
    with explained(path):
        axes = tuple(map(str, file["dimensions"].attrs["spatial_dims"]))
        points = tuple(_grid(file[f"dimensions/{axis}"], path) for axis in axes)
        layout = Layout(
            dataset=str(file.attrs["dataset_name"]),
            system=str(file.attrs["grid_type"]),
            axes=axes,
            trajectories=int(file.attrs["n_trajectories"]),
            time=_grid(file["dimensions/time"], path),
            points=points,
            boundary=read_boundary(file["boundary_conditions"], axes, str(path)),
            fields=_fields(file, axes),
            scalars={str(n): np.asarray(file["scalars"][n], "f8") for n in file["scalars"].attrs["field_names"]},
            series=tuple(str(n) for n in file["scalars"].attrs["field_names"] if _flag(file["scalars"][n], "time")),
        )
        for stored in layout.fields:
            _check_shape(file[stored.path].shape, stored, layout, path)
    return layout


def is_uniform(points: np.ndarray) -> bool:
    """Whether an axis has equal distances throughout, up to the rounding of float32."""
    ideal = np.linspace(points[0], points[-1], len(points))
    return bool(np.abs(points - ideal).max() <= UNIFORM * abs(points[1] - points[0]))


def components(name: str, order: int, axes: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the scalar channels: pressure; velocity_x, velocity_y; D_xx, D_xy, D_yx, D_yy."""
    return (name,) if order == 0 else tuple(f"{name}_{''.join(which)}" for which in product(axes, repeat=order))


def _fields(file: Node, axes: tuple[str, ...]) -> tuple[Stored, ...]:
    found = []
    for order in range(len(ORDERS)):
        group = file[f"t{order}_fields"]
        for name in map(str, group.attrs["field_names"]):
            array = group[name]
            by_axis = tuple(map(bool, array.attrs["dim_varying"]))
            found.append(
                Stored(
                    name, order, components(name, order, axes), _flag(array, "sample"), _flag(array, "time"), by_axis
                )
            )
    return tuple(sorted(found, key=lambda stored: not stored.by_time))  # stable: order and place in the file stay


def _flag(array: Node, what: str) -> bool:
    return bool(array.attrs[f"{what}_varying"])


def _grid(array: Node, path: Path) -> np.ndarray:
    if array.attrs.get("time_varying", False):
        raise WellError(f"{path}: the grid {array.name} moves in time, which is not read. Interpolate to a fixed one.")
    return np.asarray(array, "f8")


def _check_shape(shape: tuple[int, ...], stored: Stored, layout: Layout, path: Path) -> None:
    leading = stored.by_trajectory * ("trajectory",) + stored.by_time * ("time",)
    counts = {"trajectory": layout.trajectories, "time": layout.frames}
    before = tuple(counts[axis] for axis in leading)
    after = (len(layout.axes),) * stored.order
    thin = [n if kept else 1 for n, kept in zip(layout.space, stored.by_axis, strict=True)]
    left_out = [n for n, kept in zip(layout.space, stored.by_axis, strict=True) if kept]
    if shape not in ((*before, *thin, *after), (*before, *left_out, *after)):
        order = ", ".join((*leading, *layout.axes, *("component",) * stored.order))
        raise WellError(
            f"{path}: {stored.path} has shape {shape}, wanted {(*before, *thin, *after)} = [{order}]. "
            "Store the axes in this order."
        )
