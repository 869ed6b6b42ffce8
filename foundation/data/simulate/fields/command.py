"""The `simulate fields` verb: data sets of continuum dynamics in The Well's layout, with splits and statistics."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from zlib import crc32

import numpy as np
from torch.utils.data import DataLoader, Dataset

from foundation.data.fields.record import Field
from foundation.data.fields.statistics import NAME, measure, write_statistics
from foundation.data.fields.writer import write_well
from foundation.data.simulate.fields.sets import SETS, Simulator
from foundation.errors import FoundationError
from foundation.files import whole_directory
from foundation.processes import end_with_parent
from foundation.progress import track

SPLITS = ("train", "valid", "test")
HELD_OUT = 0.1  # of the trajectories of each set of parameters, for valid and for test; at least one
SMALLEST = 16  # grid on which all simulators still make sense


def fields(
    out: Path = Path("runs/fields"),
    sets: Sequence[str] = (),
    size: int = 64,
    frames: int = 40,
    trajectories: int = 20,
    size_3d: int = 32,
    frames_3d: int = 20,
    trajectories_3d: int = 8,
    vary: bool = False,
    workers: int = 0,
    seed: int = 0,
) -> None:
    """Simulate fluids, gases and reactions in two and three dimensions, as files in The Well's layout.

    Each set is a directory with data/train, data/valid and data/test and stats.yaml. The files hold the trajectories
    of one set of parameters, or with `--vary` each trajectory of the one file has its own, as one wants to tell them
    from fields (`foundation fields probe`). A trajectory depends on seed, set, parameters and its number alone, not on
    the workers.

    Example:
        foundation simulate fields shear_flow tracer_3d --out runs/fields --size 64 --workers 2

    Args:
        out: directory of the data sets; each is replaced when the new one is complete.
        sets: names of the data sets; none = all.
        size: points along each axis in two dimensions.
        frames: of each trajectory in two dimensions.
        trajectories: of each set in two dimensions, shared between its sets of parameters and its splits.
        size_3d: the same in three dimensions.
        frames_3d: the same.
        trajectories_3d: the same.
        vary: whether to draw the parameters of every trajectory anew, evenly in the logarithm.
        workers: extra processes; 0 = this one only.
        seed: of all random starts.

    Raises:
        FoundationError: an option makes no sense, `out` holds something else, or the disk is full.
    """
    if unknown := [name for name in sets if name not in SETS]:
        raise FoundationError(f"no simulated set {unknown[0]!r}; there are {', '.join(SETS)}.")
    flat, solid = (size, frames, trajectories), (size_3d, frames_3d, trajectories_3d)
    plans = [_plan(name, *(flat if SETS[name].dimensions == 2 else solid), vary) for name in sets or SETS]
    for plan in plans:
        _check_free(out / plan.name)
    for plan in plans:
        _write(plan, out / plan.name, workers, seed)


@dataclass(frozen=True)
class _Plan:
    """What is simulated for one data set: for each file so many trajectories in each split.

    A file has one of the sets of parameters, or if they vary there is one file.
    """

    name: str
    size: int
    frames: int
    varies: bool
    counts: tuple[int, int, int]  # in the order of SPLITS

    @property
    def files(self) -> tuple[str, ...]:
        """Their names in each split."""
        return ("varied",) if self.varies else tuple(f"parameters_{i}" for i in range(len(SETS[self.name].sweep)))

    def simulator(self, file: int, rng: np.random.Generator) -> Simulator:
        """Of a trajectory in this file; its parameters are the first that is drawn."""
        if self.varies:
            return SETS[self.name].drawn(self.size, self.frames, rng)
        return SETS[self.name].simulators(self.size, self.frames)[file]


@dataclass(frozen=True)
class _Trajectories(Dataset[Field]):
    """All trajectories of a plan, by file and then by split, as torch's loader wants them."""

    plan: _Plan
    seed: int

    def __len__(self) -> int:
        return len(self.plan.files) * sum(self.plan.counts)

    def __getitem__(self, index: int) -> Field:
        file, number = divmod(index, sum(self.plan.counts))
        rng = np.random.default_rng((self.seed, crc32(self.plan.name.encode()), file, number))
        return self.plan.simulator(file, rng).simulate(rng)


def _plan(name: str, size: int, frames: int, trajectories: int, vary: bool) -> _Plan:
    files = 1 if vary else len(SETS[name].sweep)
    each = trajectories // files
    if each < len(SPLITS) or size < SMALLEST or size % 2 or frames < 2:
        raise FoundationError(
            f"{name}: got {trajectories} trajectories of {frames} frames on {size} points an axis, wanted at least "
            f"{len(SPLITS) * files} of 2 on an even number from {SMALLEST}. Give larger numbers."
        )
    held_out = max(1, round(HELD_OUT * each))
    counts = (each - 2 * held_out, held_out, held_out)
    return _Plan(name, size, frames, vary, counts)


def _write(plan: _Plan, out: Path, workers: int, seed: int) -> None:
    trajectories = _Trajectories(plan, seed)
    loader: Iterable[Field] = DataLoader(
        trajectories,
        batch_size=None,
        num_workers=workers,
        collate_fn=_same,  # type: ignore[arg-type]
        worker_init_fn=end_with_parent,
    )
    fields = track(loader, f"simulating {plan.name}", len(trajectories))
    with whole_directory(out) as directory:
        for file in plan.files:
            for split, count in zip(SPLITS, plan.counts, strict=True):
                write_well(islice(fields, count), directory / "data" / split / f"{file}.hdf5", count)
        for _ in fields:  # lets the progress display end
            pass
        write_statistics(measure(sorted(directory.glob("data/train/*"))), directory / NAME)
    print(f"{out}: {len(trajectories)} trajectories of {plan.name}")


def _same(field: Field) -> Field:
    return field


def _check_free(out: Path) -> None:
    """Refuse to replace anything but a data set."""
    if out.exists() and not (out.is_dir() and ((out / NAME).is_file() or not any(out.iterdir()))):
        raise FoundationError(f"{out}: exists and is no data set, and would be replaced. Give another --out.")
