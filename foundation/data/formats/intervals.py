"""bedGraph and BED files (peaks among them) as stretches of chromosomes with a number each."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int64

from foundation.data.formats.letters import text_of
from foundation.data.formats.source import FormatError, Source

SKIPPED = ("#", "track", "browser")  # lines for genome browsers
GRAPH, SCORE, SIGNAL, PEAK = 4, 4, 6, 10  # cells of bedGraph, cell of BED's score, of a peak's signal, cells of a peak


class Stretches(NamedTuple):
    """Places start to end - 1 of a chromosome, counted from 0, by start; with the line that each comes from."""

    start: Int64[np.ndarray, "n"]
    end: Int64[np.ndarray, "n"]
    value: Float32[np.ndarray, "n"]
    line: Int64[np.ndarray, "n"]

    def within(self, start: int, end: int) -> slice:
        """Those that may touch the places start to end - 1, if none reaches beyond the start of the next but one."""
        return slice(max(int(np.searchsorted(self.start, start, "right")) - 1, 0), np.searchsorted(self.start, end))


def is_graph(source: Source) -> bool:
    """Whether lines have the four cells of bedGraph, and not those of BED."""
    return _width(source) == GRAPH


def recognises(source: Source) -> bool:
    """Whether the first line that counts has a place in its second and third cells, as BED and bedGraph have it."""
    return _width(source) >= GRAPH


def read_intervals(source: Source) -> Mapping[str, Stretches]:
    """The stretches of each chromosome: values of bedGraph, signals of narrowPeak and broadPeak, scores of other BED.

    Raises:
        FormatError: a line that is none, with its number.
    """
    width = _width(source)
    cell = 3 if width == GRAPH else SIGNAL if width >= PEAK - 1 and "Peak" in source.path.name else SCORE
    found: dict[str, list[tuple[int, int, float, int]]] = defaultdict(list)
    with text_of(source) as text:
        for number, line in enumerate(text, 1):
            if line.startswith(SKIPPED) or not line.strip():
                continue
            cells = line.split()
            try:
                found[cells[0]].append((int(cells[1]), int(cells[2]), float(cells[cell]), number))
            except (ValueError, IndexError) as error:
                raise _wrong(source.path, number, f"has {line.strip()[:60]!r}") from error
    return {name: _stretches(rows, source.path) for name, rows in found.items()}


def _stretches(rows: list[tuple[int, int, float, int]], path: Path) -> Stretches:
    table = np.array(rows, np.float64)
    table = table[np.lexsort((table[:, 1], table[:, 0]))]
    start, end, line = (table[:, i].astype(np.int64) for i in (0, 1, 3))
    if (wrong := (start < 0) | (end <= start)).any():
        raise _wrong(path, int(line[wrong][0]), f"goes from {start[wrong][0]} to {end[wrong][0]}")
    return Stretches(start, end, table[:, 2].astype(np.float32), line)


def _wrong(path: Path, line: int, what: str) -> FormatError:
    return FormatError(f"{path}:{line}: {what}, wanted chromosome, start < end counted from 0, and a number.")


def _width(source: Source) -> int:
    """Cells of the first line that counts; 0 if it has no places."""
    for cells in _lines(source):
        places = len(cells) > 2 and cells[1].isdigit() and cells[2].isdigit()
        return len(cells) if places else 0
    return 0


def _lines(source: Source) -> Iterator[list[str]]:
    for line in source.head.decode("utf-8", "replace").splitlines():
        if line.strip() and not line.startswith(SKIPPED):
            yield line.split()
