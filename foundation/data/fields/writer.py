"""Writes fields in The Well's layout: one file of trajectories on one grid, streamed, whole or not at all."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from foundation.data.fields.boundary import write_boundary
from foundation.data.fields.layout import ORDERS, Stored, components
from foundation.data.fields.opening import Node, WellError
from foundation.data.fields.reader import OBSTACLE
from foundation.data.fields.record import Field
from foundation.files import whole_file


def write_well(fields: Iterable[Field], path: Path, trajectories: int | None = None) -> None:
    """Write one trajectory per field; memory holds one of them.

    Channels are put together to vectors and tensors again where all components are there: velocity_x and velocity_y
    become velocity on axes x and y. Points that are not valid become the constant field "mask".

    Args:
        fields: of equal names, grid, boundary and number of frames; scalars and times may differ.
        path: the file; replaced only when the new one is complete.
        trajectories: how many there are; None = `fields` is a sequence.

    Raises:
        WellError: no field, another number of them than said, or one that differs from the first.
        FoundationError: the disk is full; nothing is left half-written.
    """
    count = len(fields) if trajectories is None else trajectories  # type: ignore[arg-type]
    rest: Iterator[Field] = iter(fields)
    first = next(rest, None)
    if first is None:
        raise WellError(f"{path}: there is no field to write. Give at least one trajectory.")
    from h5py import File

    with whole_file(path) as temporary, File(temporary, "w") as file:
        groups = grouped(first)
        _header(file, first, count)
        _create(file, groups, first, count)
        written = [_put(file, groups, field, first, row, path) for row, field in enumerate(chain([first], rest))]
        if len(written) != count:
            raise WellError(f"{path}: got {len(written)} trajectories, {count} were announced. Say how many there are.")
        _scalars(file, [field_scalars for field_scalars, _ in written])
        _axis(file["dimensions"], "time", _shared([time for _, time in written]), time_varying=None)


def grouped(field: Field) -> tuple[Stored, ...]:
    """The channels of a field as scalars, vectors and tensors."""
    constant = dict(zip(field.names, field.constant, strict=True))
    left, found = dict.fromkeys(field.names), []
    while left:
        name = next(iter(left))
        stored = next(filter(None, (_whole(name, order, left, field.axes) for order in (2, 1))), None)
        stored = stored or Stored(name, 0, (name,))
        found.append(Stored(stored.name, stored.order, stored.names, True, not constant[name]))
        left = {other: None for other in left if other not in stored.names}
    return tuple(sorted(found, key=lambda stored: stored.order))


def _whole(name: str, order: int, names: Iterable[str], axes: tuple[str, ...]) -> Stored | None:
    """The vector or tensor of which this is the first component, if all others are there too."""
    base = name.rpartition("_")[0]
    parts = components(base, order, axes)
    return Stored(base, order, parts) if base and name == parts[0] and set(parts) <= set(names) else None


def _header(file: Node, field: Field, trajectories: int) -> None:
    file.attrs["dataset_name"] = field.dataset or "unnamed"
    file.attrs["grid_type"] = field.system
    file.attrs["n_spatial_dims"] = len(field.axes)
    file.attrs["n_trajectories"] = trajectories
    grid = file.create_group("dimensions")
    grid.attrs["spatial_dims"] = list(field.axes)
    for axis, points in zip(field.axes, field.points(), strict=True):
        _axis(grid, axis, points, time_varying=False)
    conditions = file.create_group("boundary_conditions")
    write_boundary(conditions, field.boundary, dict(zip(field.axes, field.space, strict=True)))


def _create(file: Node, groups: Sequence[Stored], field: Field, trajectories: int) -> None:
    masked = field.valid is not None and OBSTACLE not in field.names
    for order in range(len(ORDERS)):
        group = file.create_group(f"t{order}_fields")
        own = [stored for stored in groups if stored.order == order]
        own += [Stored(OBSTACLE, 0, (OBSTACLE,), True, False)] * (masked and order == 0)
        group.attrs["field_names"] = _strings([stored.name for stored in own])
        for stored in own:
            shape = (trajectories, *((len(field.time),) * stored.by_time), *field.space, *(len(field.axes),) * order)
            array = group.create_dataset(stored.name, shape, np.float32)
            array.attrs["dim_varying"] = [True] * len(field.axes)
            array.attrs["sample_varying"], array.attrs["time_varying"] = True, stored.by_time
            if order == 2:
                array.attrs["symmetric"] = array.attrs["antisymmetric"] = False


def _put(
    file: Node, groups: Sequence[Stored], field: Field, first: Field, row: int, path: Path
) -> tuple[dict[str, float], np.ndarray]:
    """Write the values of one trajectory; give back what is only written when all are known."""
    if difference := _difference(field, first):
        raise WellError(f"{path}: trajectory {row} has other {difference} than the first. Write it to another file.")
    if row >= file.attrs["n_trajectories"]:
        raise WellError(f"{path}: got more than {row} trajectories, as were announced. Say how many there are.")
    for stored in groups:
        file[stored.path][row] = _stacked(field, stored)
    if field.valid is not None and OBSTACLE not in field.names:
        file[f"t0_fields/{OBSTACLE}"][row] = ~field.valid
    return dict(field.scalars), field.time


def _stacked(field: Field, stored: Stored) -> Float32[np.ndarray, "..."]:
    """The channels of a stored field with axes [time if it varies, *space, *components]."""
    index = [field.names.index(name) for name in stored.names]
    values = field.values[:, index] if stored.by_time else field.values[0, index]
    values = np.moveaxis(values, 1 if stored.by_time else 0, -1)
    return values.reshape(*values.shape[:-1], *(len(field.axes),) * stored.order)


def _difference(field: Field, first: Field) -> str:
    """What of a field does not fit into one file with another, or ""."""
    for part in ("dataset", "system", "axes", "names", "constant", "boundary", "space", "coordinates"):
        if getattr(field, part) != getattr(first, part):
            return part
    if len(field.time) != len(first.time):
        return "number of frames"
    if (field.valid is None) != (first.valid is None) or set(field.scalars) != set(first.scalars):
        return "obstacles" if set(field.scalars) == set(first.scalars) else "names of scalars"
    return "" if np.allclose(field.spacing, first.spacing) else "spacing"


def _scalars(file: Node, scalars: Sequence[dict[str, float]]) -> None:
    """Parameters as scalars; also as attributes of the file where all trajectories agree."""
    group = file.create_group("scalars")
    group.attrs["field_names"] = _strings(list(scalars[0]))
    agreed = []
    for name in scalars[0]:
        values = _shared([np.array(own[name], np.float64) for own in scalars])
        group[name] = values
        group[name].attrs["sample_varying"], group[name].attrs["time_varying"] = values.ndim == 1, False
        if values.ndim == 0:
            agreed.append(name)
            file.attrs[name] = float(values)
    file.attrs["simulation_parameters"] = _strings(agreed)


def _axis(group: Node, name: str, points: np.ndarray, time_varying: bool | None) -> None:
    group[name] = points
    group[name].attrs["sample_varying"] = points.ndim == 2
    if time_varying is not None:
        group[name].attrs["time_varying"] = time_varying


def _shared(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """The array that all trajectories share, or one row for each."""
    return arrays[0] if all(np.array_equal(array, arrays[0]) for array in arrays) else np.stack(arrays)


def _strings(names: Sequence[str]) -> Sequence[str] | np.ndarray:
    return list(names) if names else np.array([], "S1")  # an empty list would be stored as numbers
