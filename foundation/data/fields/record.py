"""Field: a window of a simulation on a grid, as scalar channels over time, validated once on construction."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from foundation.errors import RecordError

Side = Literal["wall", "open", "periodic"]
SIDES: tuple[Side, ...] = get_args(Side)  # the index is the code of walrus and The Well
PERIODIC: tuple[Side, Side] = ("periodic", "periodic")
WALLS: tuple[Side, Side] = ("wall", "wall")
AXES = ("x", "y", "z")
UNIFORM = 1e-3  # relative departure of the mean spacing of coordinates from `spacing` that is rounding


@dataclass(frozen=True, eq=False)
class Field:
    """Consecutive frames of a simulation; vectors and tensors are split into scalar channels.

    Args:
        values: float32 [time, field, *space], 1 to 3 axes of space of at least 2 points each; not finite only where
            `valid` is False, and zeroed there.
        names: one per channel; components carry their axes, as in velocity_x or D_xy.
        constant: one per channel, True where the channel does not vary in time.
        spacing: float64 [axis], distance of neighbouring points; its mean if `coordinates` are given.
        boundary: a pair (left, right) per axis of "wall", "open" or "periodic".
        time: float64 [time], strictly increasing.
        scalars: parameters of the simulation, such as its Reynolds number.
        valid: bool [*space], False inside obstacles, or None where all points are valid.
        dataset: its name.
        axes: name of each axis of space, in the order of `values`; by default the first of x, y, z.
        system: of coordinates: "cartesian", or a name as The Well gives it, such as "spherical".
        coordinates: per axis its points, strictly monotone, or None for a uniform grid.

    Raises:
        RecordError: parts that do not fit together; the message says which.
    """

    values: np.ndarray
    names: tuple[str, ...]
    constant: tuple[bool, ...]
    spacing: np.ndarray
    boundary: tuple[tuple[Side, Side], ...]
    time: np.ndarray
    scalars: Mapping[str, float] = field(default_factory=dict)
    valid: np.ndarray | None = None
    dataset: str = ""
    axes: tuple[str, ...] = ()
    system: str = "cartesian"
    coordinates: tuple[tuple[float, ...], ...] | None = None

    def __post_init__(self) -> None:
        what = f"Field{f' of {self.dataset}' if self.dataset else ''}"
        values = np.ascontiguousarray(self.values, dtype=np.float32)
        _check_shape(values, what)
        space = values.shape[2:]
        parts = {
            "names": _names(self.names, values.shape[1], what),
            "constant": tuple(map(bool, self.constant)),
            "spacing": _spacing(self.spacing, len(space), what),
            "boundary": _boundary(self.boundary, len(space), what),
            "time": _time(self.time, len(values), what),
            "scalars": _scalars(self.scalars, what),
            "valid": _valid(self.valid, space, what),
            "axes": _axes(self.axes, len(space), what),
        }
        parts["values"] = _finite(values, parts["valid"], what)
        parts["coordinates"] = _coordinates(self.coordinates, space, parts["spacing"], what)
        _check_constant(parts["values"], parts["constant"], parts["names"], what)
        for name, part in parts.items():
            object.__setattr__(self, name, part)

    @property
    def space(self) -> tuple[int, ...]:
        """Number of points along each axis of space."""
        return self.values.shape[2:]

    @property
    def boundary_codes(self) -> Int64[np.ndarray, "axis 2"]:
        """The boundary as numbers: wall 0, open 1, periodic 2."""
        return np.array([[SIDES.index(side) for side in pair] for pair in self.boundary], np.int64)

    def points(self) -> Iterator[Float64[np.ndarray, " n"]]:
        """The coordinates of each axis; a uniform axis starts at 0."""
        for axis, (n, step) in enumerate(zip(self.space, self.spacing, strict=True)):
            yield np.arange(n) * step if self.coordinates is None else np.array(self.coordinates[axis])

    def channel(self, name: str) -> Float32[np.ndarray, "time *space"]:
        """One channel by name.

        Raises:
            RecordError: there is none of this name.
        """
        if name not in self.names:
            raise RecordError(f"Field has channels {', '.join(self.names)}, not {name!r}. Ask for one it has.")
        return self.values[:, self.names.index(name)]


def _check_shape(values: np.ndarray, what: str) -> None:
    if values.ndim not in (3, 4, 5) or 0 in values.shape:
        raise RecordError(f"{what}: values have shape {values.shape}, wanted [time, field, 1 to 3 axes of space].")
    if 1 in values.shape[2:]:
        raise RecordError(f"{what}: space is {values.shape[2:]}, an axis of length 1 is none. Drop it from the values.")


def _names(names: Sequence[str], channels: int, what: str) -> tuple[str, ...]:
    names = tuple(names)
    if len(names) != channels or len(set(names)) != channels or not all(names):
        raise RecordError(
            f"{what}: {channels} channels but names {names}. Name each channel once; values are [time, field, *space]."
        )
    return names


def _spacing(spacing: np.ndarray, axes: int, what: str) -> Float64[np.ndarray, " axis"]:
    array = np.array(spacing, np.float64)
    if array.shape != (axes,) or not np.isfinite(array).all() or (array <= 0).any():
        raise RecordError(f"{what}: spacing {spacing} for {axes} axes. Give one positive distance per axis.")
    return array


def _boundary(boundary: Sequence[Sequence[str]], axes: int, what: str) -> tuple[tuple[Side, Side], ...]:
    pairs = tuple(map(tuple, boundary))
    if len(pairs) != axes or any(len(pair) != 2 or not set(pair) <= set(SIDES) for pair in pairs):
        raise RecordError(
            f"{what}: boundary {pairs} for {axes} axes. Give (left, right) of {', '.join(SIDES)} per axis."
        )
    if torn := [pair for pair in pairs if pair.count("periodic") == 1]:
        raise RecordError(
            f"{what}: boundary {torn[0]} is periodic on one side only. Make both sides periodic, or none."
        )
    return pairs  # type: ignore[return-value]  # the lengths were checked


def _time(time: np.ndarray, frames: int, what: str) -> Float64[np.ndarray, " time"]:
    array = np.array(time, np.float64)
    if array.shape != (frames,):
        raise RecordError(f"{what}: {frames} frames but times of shape {array.shape}. Give one time per frame.")
    if not np.isfinite(array).all() or (np.diff(array) <= 0).any():
        raise RecordError(f"{what}: times do not increase. Sort the frames and drop repeated ones.")
    return array


def _scalars(scalars: Mapping[str, float], what: str) -> dict[str, float]:
    numbers = {name: float(value) for name, value in scalars.items()}
    if bad := [name for name, value in numbers.items() if not np.isfinite(value)]:
        raise RecordError(f"{what}: scalar {bad[0]!r} is {numbers[bad[0]]}. Leave a missing one out.")
    return numbers


def _valid(valid: np.ndarray | None, space: tuple[int, ...], what: str) -> Bool[np.ndarray, "*space"] | None:
    if valid is None:
        return None
    array = np.ascontiguousarray(valid, dtype=bool)
    if array.shape != space:
        raise RecordError(f"{what}: valid has shape {array.shape}, space is {space}. Give both on the same grid.")
    return array


def _axes(axes: Sequence[str], count: int, what: str) -> tuple[str, ...]:
    axes = tuple(axes) or AXES[:count]
    if len(axes) != count or len(set(axes)) != count:
        raise RecordError(f"{what}: {count} axes of space but names {axes}. Name each axis once.")
    return axes


def _finite(values: np.ndarray, valid: np.ndarray | None, what: str) -> np.ndarray:
    """The values, zero where they are not finite, which may only be where they are not valid."""
    good = np.isfinite(values)
    if good.all():
        return values
    bad = ~good.all((0, 1))
    if valid is None or (bad & valid).any():
        count = int(bad.sum() if valid is None else (bad & valid).sum())
        raise RecordError(
            f"{what}: values are not finite at {count} of {bad.size} points. Give `valid`, False at these points."
        )
    return np.where(good, values, np.float32(0))


def _coordinates(
    coordinates: Sequence[Sequence[float]] | None, space: tuple[int, ...], spacing: np.ndarray, what: str
) -> tuple[tuple[float, ...], ...] | None:
    if coordinates is None:
        return None
    points = tuple(tuple(map(float, axis)) for axis in coordinates)
    if tuple(map(len, points)) != space:
        raise RecordError(f"{what}: coordinates of {tuple(map(len, points))} points, space is {space}. Give all axes.")
    for axis, step in zip(points, spacing, strict=True):
        steps = np.diff(axis)
        if not ((steps > 0).all() or (steps < 0).all()):
            raise RecordError(f"{what}: coordinates of an axis are not strictly monotone. Sort the points.")
        if abs(abs(steps.mean()) / step - 1) > UNIFORM:
            raise RecordError(f"{what}: spacing {step:g} but coordinates {abs(steps.mean()):g} apart. Give their mean.")
    return points


def _check_constant(values: np.ndarray, constant: tuple[bool, ...], names: tuple[str, ...], what: str) -> None:
    if len(constant) != len(names):
        raise RecordError(f"{what}: {len(names)} channels but {len(constant)} constant flags. Give one per channel.")
    for channel, name in enumerate(names):
        if constant[channel] and not (values[1:, channel] == values[:1, channel]).all():
            raise RecordError(f"{what}: channel {name!r} is called constant but varies in time. Set its flag to False.")
