"""clips: windows of the trajectories of a data set in its three splits, with the parameters each was simulated with."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from foundation.data.fields.reader import WellReader
from foundation.data.fields.record import Field
from foundation.data.fields.windows import FieldWindows, evenly_spaced
from foundation.errors import FoundationError

SPLITS = ("train", "valid", "test")  # The Well's names of directories


@dataclass(frozen=True, eq=False)
class Clips:
    """Equally many windows of every trajectory of every split, in this order; read anew whenever they are asked for.

    Args:
        trajectories: file and number of each.
        splits: of each trajectory its place in SPLITS.
        frames: of a window.
        each: windows of a trajectory, evenly spaced.
    """

    trajectories: tuple[tuple[WellReader, int], ...]
    splits: tuple[int, ...]
    frames: int
    each: int

    @classmethod
    def of(cls, directory: Path, frames: tuple[int, int], each: int) -> "Clips":
        """Of a data set in The Well's layout.

        Args:
            directory: holds `train`, `valid` and `test`, or `data` with these in it.
            frames: of a window on 1 or 2 axes of space, and on 3.
            each: windows of a trajectory; fewer where it is short.

        Raises:
            FoundationError: a split is missing, has trajectories too short for a window, or has one that is in
                another split too.
        """
        home = directory / "data" if (directory / "data").is_dir() else directory
        if missing := [split for split in SPLITS if not (home / split).is_dir()]:
            raise FoundationError(f"{home} has no {missing[0]}. Give a directory that holds {', '.join(SPLITS)}.")
        readers = [FieldWindows(home / split, 2).readers for split in SPLITS]
        length = frames[len(readers[0][0].layout.space) == 3]  # axes
        found = [(r, i, number) for number, some in enumerate(readers) for r in some for i in _numbers(r)]
        starts = [reader.layout.frames - length + 1 for reader, _, _ in found]
        if min(starts) < 1:
            raise FoundationError(f"{directory}: a trajectory is shorter than {length} frames. Give fewer `--frames`.")
        clips = cls(tuple((r, i) for r, i, _ in found), tuple(n for *_, n in found), length, min(each, *starts))
        clips._check_apart(directory)
        return clips

    def __len__(self) -> int:
        return len(self.trajectories) * self.each

    def __iter__(self) -> Iterator[Field]:
        for reader, number in self.trajectories:
            for start in evenly_spaced(reader.layout.frames - self.frames + 1, self.each):
                yield reader.window(number, start, self.frames)

    @cached_property
    def scalars(self) -> tuple[Mapping[str, float], ...]:
        """Parameters of each trajectory that do not vary in time."""
        return tuple(reader.parameters(number) for reader, number in self.trajectories)

    def members(self, split: str) -> Int64[np.ndarray, " n"]:
        """Numbers of the trajectories of a split."""
        return np.flatnonzero(np.array(self.splits) == SPLITS.index(split))

    def windows(self, trajectories: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " m"]:
        """Numbers of all windows of these trajectories."""
        return (trajectories[:, None] * self.each + np.arange(self.each)).ravel()

    def _check_apart(self, directory: Path) -> None:
        """Refuse a trajectory that would be learned from and tested on."""
        home: dict[bytes, int] = {}
        for (reader, number), split in zip(self.trajectories, self.splits, strict=True):
            if home.setdefault(reader.window(number, 0, 1).values.tobytes(), split) != split:
                raise FoundationError(
                    f"{directory}: trajectory {number} of {reader.path.name} in {SPLITS[split]} is in another split "
                    "too. Give each to one split only."
                )


def _numbers(reader: WellReader) -> Sequence[int]:
    return range(reader.layout.trajectories)
