"""FieldWindows: windows of consecutive frames over many files, each a function of (seed, index) alone."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np
from torch.utils.data import Dataset

from foundation.data.fields.opening import WellError
from foundation.data.fields.reader import WellReader
from foundation.data.fields.record import Field

OPEN = 32  # files at a time; a process may hold only so many


class FieldWindows(Dataset[Field]):
    """All windows of some files, counted by file, trajectory and first frame; lazy, picklable, safe to fork.

    Args:
        files: of The Well, or directories of them; of one data set or several.
        frames: of a window.
        stride: distance of consecutive frames; a pair (least, most) draws it anew for each window, as far as the
            trajectory reaches.
        names: channels to read, in this order; empty = all of each file.
        seed: of the drawn strides.

    Raises:
        WellError: no file, a damaged one, one without such a channel, or trajectories shorter than a window.
    """

    def __init__(
        self,
        files: Sequence[Path | str] | Path | str,
        frames: int,
        stride: int | tuple[int, int] = 1,
        names: Sequence[str] = (),
        seed: int = 0,
    ) -> None:
        self.frames, self.names, self.seed = frames, tuple(names), seed
        self.stride = (stride, stride) if isinstance(stride, int) else stride
        if frames < 1 or not 1 <= self.stride[0] <= self.stride[1]:
            raise WellError(f"Got windows of {frames} frames in steps of {stride}, wanted at least 1 of both.")
        self.readers = [WellReader(path) for path in well_files(files)]
        for reader in self.readers:
            self._check(reader)
        self._opened: dict[WellReader, None] = {}  # the least recently read first
        self._ends = list(accumulate(r.layout.trajectories * self.starts(r) for r in self.readers))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: int) -> Field:
        """Window number `index`.

        Raises:
            IndexError: there is no such window.
        """
        reader, trajectory, start = self.place(index)
        stride = self._drawn(index, start, reader.layout.frames)
        self._keep_open(reader)
        return reader.window(trajectory, start, self.frames, stride, self.names)

    def place(self, index: int) -> tuple[WellReader, int, int]:
        """File, trajectory and first frame of a window."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"no window {index}; there are {len(self)}, counted from 0")
        index %= len(self)
        file = bisect_right(self._ends, index)
        reader = self.readers[file]
        inside = index - (self._ends[file - 1] if file else 0)
        return reader, *divmod(inside, self.starts(reader))

    def starts(self, reader: WellReader) -> int:
        """Number of windows of one trajectory: those for which the least stride fits."""
        return max(0, reader.layout.frames - (self.frames - 1) * self.stride[0])

    def _keep_open(self, reader: WellReader) -> None:
        self._opened.pop(reader, None)
        self._opened[reader] = None
        if len(self._opened) > OPEN:
            oldest = next(iter(self._opened))
            del self._opened[oldest]
            oldest.close()

    def _drawn(self, index: int, start: int, frames: int) -> int:
        least, most = self.stride
        if self.frames > 1:
            most = min(most, (frames - 1 - start) // (self.frames - 1))
        if most <= least:
            return least
        return int(np.random.default_rng((self.seed, index % len(self))).integers(least, most, endpoint=True))

    def _check(self, reader: WellReader) -> None:
        if not self.starts(reader):
            raise WellError(
                f"{reader.path}: trajectories have {reader.layout.frames} frames, too few for windows of "
                f"{self.frames} in steps of {self.stride[0]}. Ask for fewer frames."
            )
        if unknown := [name for name in self.names if name not in reader.layout.names]:
            raise WellError(f"{reader.path}: has no channel {unknown[0]!r}; it has {', '.join(reader.layout.names)}.")


def evenly_spaced(count: int, most: int) -> list[int]:
    """At most so many of the numbers below `count`, the first and the last among them if there are two or more."""
    return np.linspace(0, count - 1, min(most, count)).round().astype(int).tolist()


def well_files(files: Sequence[Path | str] | Path | str) -> list[Path]:
    """The files themselves: each directory gives those in it that end in .hdf5 or .h5, sorted.

    Raises:
        WellError: none.
    """
    given = [Path(files)] if isinstance(files, Path | str) else list(map(Path, files))
    found: list[Path] = []
    for path in given:
        found += sorted((*path.glob("*.hdf5"), *path.glob("*.h5"))) if path.is_dir() else [path]
    if not found:
        raise WellError(f"{', '.join(map(str, given)) or 'nothing'}: holds no .hdf5 file. Give files of The Well.")
    return found
