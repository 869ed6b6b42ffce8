"""Reads windows of The Well's files as fields: nothing is read but the frames and channels that are asked for."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64

from foundation.data.fields.layout import Layout, Stored, is_uniform, read_layout
from foundation.data.fields.opening import Node, WellError, explained, open_well
from foundation.data.fields.record import Field

OBSTACLE = "mask"  # the constant channel that is not 0 inside obstacles


class WellReader:
    """One file; opened when first read, in each process anew, so it may be sent to another process.

    Args:
        path: a file of The Well.

    Raises:
        WellError: the file is missing, damaged, or of another layout.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        with open_well(self.path) as file:
            self.layout: Layout = read_layout(file, self.path)
        self._open: tuple[int, Node, dict[str, Node]] | None = None
        self._kept: dict[str, np.ndarray] = {}

    def window(
        self, trajectory: int, start: int = 0, frames: int | None = None, stride: int = 1, names: Sequence[str] = ()
    ) -> Field:
        """Frames start, start + stride, ... of a trajectory.

        Args:
            trajectory: its number in the file.
            start: number of the first frame.
            frames: how many; None = all from `start` on.
            stride: distance of consecutive frames.
            names: the channels to read, in this order; empty = all, constant ones last.

        Raises:
            WellError: there is no such trajectory, frame or channel, or the file is damaged.
            RecordError: the values make no field, such as NaN outside obstacles.
        """
        layout = self.layout
        when = _frames(layout, trajectory, start, frames, stride, self.path)
        wanted = tuple(names) or layout.names
        if unknown := [name for name in wanted if name not in layout.names]:
            raise WellError(f"{self.path}: has no channel {unknown[0]!r}; it has {', '.join(layout.names)}.")
        values = np.empty((len(when), len(wanted), *layout.space), np.float32)
        constant = [False] * len(wanted)
        for stored in layout.fields:
            places = [wanted.index(name) if name in wanted else None for name in stored.names]
            if any(place is not None for place in places):
                self._fill(values, places, stored, trajectory, when)
            for place in places:
                if place is not None:
                    constant[place] = not stored.by_time
        spacing, coordinates = self._grid(trajectory)
        time = _of(layout.time, trajectory, 1)[when]
        scalars, valid = self.parameters(trajectory), self._valid(trajectory)
        return Field(
            values, wanted, tuple(constant), spacing, layout.boundary, time, scalars, valid,
            layout.dataset, layout.axes, layout.system, coordinates,
        )  # fmt: skip

    def parameters(self, trajectory: int) -> dict[str, float]:
        """The scalars of a trajectory that do not vary in time."""
        scalars = self.layout.scalars
        return {name: float(_of(scalars[name], trajectory, 0)) for name in scalars if name not in self.layout.series}

    def series(self, trajectory: int) -> dict[str, Float64[np.ndarray, " frame"]]:
        """The scalars of a trajectory that vary in time."""
        return {name: _of(self.layout.scalars[name], trajectory, 1) for name in self.layout.series}

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_open": None}

    def close(self) -> None:
        """Give back the file handle; the next read opens the file again."""
        if self._open is not None and self._open[0] == os.getpid():
            self._open[1].close()
        self._open = None

    def _array(self, name: str) -> Node:
        """A stored array, kept open: its cache of unpacked chunks is lost when it is closed."""
        if self._open is None or self._open[0] != os.getpid():  # a handle does not survive a fork
            self._open = os.getpid(), open_well(self.path), {}
        _, file, arrays = self._open
        if name not in arrays:
            arrays[name] = file[name]
        return arrays[name]

    def _fill(
        self,
        values: Float32[np.ndarray, "time channel *space"],
        places: Sequence[int | None],
        stored: Stored,
        trajectory: int,
        when: range,
    ) -> None:
        """Put the components of one stored field into their places."""
        array = self._read(stored, trajectory, when)
        array = array.reshape(*array.shape[: 1 + len(self.layout.axes)], len(places))
        for component, place in enumerate(places):
            if place is not None:
                values[:, place] = array[..., component]

    def _read(self, stored: Stored, trajectory: int, when: range) -> Float32[np.ndarray, "..."]:
        """One stored field with axes [time or 1, *space or 1, *components]."""
        key = stored.path
        if key in self._kept:
            return self._kept[key]
        index = (trajectory,) * stored.by_trajectory + (slice(when.start, when.stop, when.step),) * stored.by_time
        with explained(self.path):
            array = np.asarray(self._array(key)[index], np.float32)
        thin = tuple(n if kept else 1 for n, kept in zip(self.layout.space, stored.by_axis, strict=True))
        frames = len(when) if stored.by_time else 1
        array = array.reshape(frames, *thin, *(len(thin),) * stored.order)
        if not stored.by_time and not stored.by_trajectory:
            self._kept[key] = array  # the same for every window
        return array

    def _grid(self, trajectory: int) -> tuple[Float64[np.ndarray, " axis"], tuple[tuple[float, ...], ...] | None]:
        points = [_of(axis, trajectory, 1) for axis in self.layout.points]
        spacing = np.array([abs(axis[-1] - axis[0]) / max(len(axis) - 1, 1) for axis in points])
        return spacing, None if all(map(is_uniform, points)) else tuple(tuple(axis.tolist()) for axis in points)

    def _valid(self, trajectory: int) -> np.ndarray | None:
        for stored in self.layout.fields:
            if stored.name == OBSTACLE and stored.order == 0 and not stored.by_time:
                inside = self._read(stored, trajectory, range(1))[0] != 0
                return np.broadcast_to(~inside, self.layout.space)
        return None


def _of(array: np.ndarray, trajectory: int, axes: int) -> np.ndarray:
    """The part of a trajectory, of an array that has `axes` axes, or one more if it differs between them."""
    return np.asarray(array[trajectory]) if array.ndim > axes else array


def _frames(layout: Layout, trajectory: int, start: int, frames: int | None, stride: int, path: Path) -> range:
    if not 0 <= trajectory < layout.trajectories:
        raise WellError(f"{path}: no trajectory {trajectory}; it has {layout.trajectories}, counted from 0.")
    if frames is None:
        frames = len(range(start, layout.frames, stride))
    last = start + (frames - 1) * stride
    if start < 0 or frames < 1 or stride < 1 or last >= layout.frames:
        raise WellError(
            f"{path}: asked for {frames} frames from {start} in steps of {stride}, trajectories have {layout.frames}."
        )
    return range(start, last + 1, stride)
