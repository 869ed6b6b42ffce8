"""Benchmark of reading windows of simulations: ours against the package `the_well`, on the same files."""

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from foundation.bench import Row, side_by_side
from foundation.data.fields.opening import Node
from foundation.data.fields.record import PERIODIC, Field
from foundation.data.fields.windows import FieldWindows
from foundation.data.fields.writer import write_well
from foundation.errors import FoundationError

CONTEXT = 6  # frames, after which one is predicted
TRAJECTORIES, FRAMES = 2, 40
WINDOWS = 16  # read in one turn, in an order without any
GRIDS = ((128, 128), (32, 32, 32))


def windows_vs_the_well() -> list[Row]:
    """Windows per second in random order from files in the page cache, stored plainly and in packed chunks."""
    return [_compared(space, packed) for space in GRIDS for packed in (False, True)]


def _compared(space: tuple[int, ...], packed: bool) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "data", "train", "made_up.hdf5")
        write_well([_trajectory(space, seed) for seed in range(TRAJECTORIES)], path)
        if packed:
            _pack(path)
        usual, ours = _the_well(folder), FieldWindows(path.parent, CONTEXT + 1)
        order = np.random.default_rng(0).permutation(len(ours))[:WINDOWS].tolist()
        stored = "gzipped chunks of a frame" if packed else "plain arrays"
        name = f"read windows of {CONTEXT + 1} frames of {' x '.join(map(str, space))} points: {stored}"
        return side_by_side(name, _reading(usual, order), _reading(ours.__getitem__, order), len(order), "samples/s")


def _reading(read: Callable[[int], object], order: list[int]) -> Callable[[], None]:
    def pass_over() -> None:
        for index in order:
            read(index)

    return pass_over


def _trajectory(space: tuple[int, ...], seed: int) -> Field:
    """A scalar pair and a velocity of smooth noise."""
    axes = len(space)
    names = ("tracer", "pressure", *(f"velocity_{axis}" for axis in "xyz"[:axes]))
    values = np.random.default_rng(seed).normal(size=(FRAMES, len(names), *space)).cumsum(-1)
    spacing, time = np.ones(axes), np.arange(float(FRAMES))
    return Field(values, names, (False,) * len(names), spacing, (PERIODIC,) * axes, time, {"Reynolds": 1e3})


def _pack(path: Path) -> None:
    """Store every field in gzipped chunks of one frame, as archives do."""
    from h5py import File

    with File(path, "a") as opened:
        file: Node = opened
        for name in [f"{group}/{field}" for group in ("t0_fields", "t1_fields") for field in file[group]]:
            values, attributes = file[name][:], dict(file[name].attrs)
            del file[name]
            array = file.create_dataset(
                name, data=values, chunks=(1, 1, *values.shape[2:]), compression="gzip", compression_opts=1
            )
            array.attrs.update(attributes)


def _the_well(folder: str) -> Callable[[int], object]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it imports is not ours to mend
            from the_well.data import WellDataset
    except ImportError as error:
        raise FoundationError("This benchmark compares with the_well. Type `pip install the_well`.") from error
    return WellDataset(path=folder, well_split_name="train", n_steps_input=CONTEXT, n_steps_output=1).__getitem__
