"""samples: whole trajectories to score."""

from pathlib import Path

from foundation.data.fields.record import Field
from foundation.data.fields.windows import FieldWindows, evenly_spaced
from foundation.errors import FoundationError


def whole_trajectories(files: Path, most: int) -> list[Field]:
    """At most so many trajectories, evenly spaced over the files.

    Args:
        files: of The Well, or a directory of them.
        most: trajectories.

    Raises:
        FoundationError: none asked for, or no files.
    """
    if most < 1:
        raise FoundationError(f"{most} trajectories of each set. Ask for at least 1.")
    every = [(r, i) for r in FieldWindows(files, 2).readers for i in range(r.layout.trajectories)]
    return [reader.window(i) for reader, i in (every[c] for c in evenly_spaced(len(every), most))]
