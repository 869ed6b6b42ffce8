"""Signals: what was measured along chromosomes, as tracks of a transcript's span, in the order in which it is read."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from foundation.data.biology.genes.layout import Span
from foundation.data.biology.track import Track
from foundation.data.formats.intervals import Stretches, is_graph, read_intervals, recognises
from foundation.data.formats.source import FormatError, open_source

BIGWIG = (b"\x26\xfc\x8f\x88", b"\x88\x8f\xfc\x26")
DECILES = tuple("0123456789NX")  # N = no peak, 1 to 9 and X = the deciles of peaks, 0 is not used (LORE's alphabet)
NO_PEAK, TENTH = DECILES.index("N"), DECILES.index("X")


class Signal(ABC):
    """Something along chromosomes."""

    @abstractmethod
    def fault(self, chromosome: str, length: int) -> str:
        """Why it does not belong to a chromosome of this length; "" if it may."""

    @abstractmethod
    def track(self, chromosome: str, span: Span) -> Track | None:
        """What is known of a span, in reading order; None if the chromosome is not there."""


class Graph(Signal):
    """Numbers of a bedGraph file; places that no line tells of are missing."""

    def __init__(self, path: Path, stretches: Mapping[str, Stretches]) -> None:
        self.path, self.stretches = path, stretches
        for chromosome, s in stretches.items():
            if (wrong := s.start[1:] < s.end[:-1]).any():
                line = int(s.line[1:][wrong][0])
                raise FormatError(
                    f"{path}:{line}: overlaps the stretch before it on {chromosome}: two values at a place. Keep one."
                )

    def fault(self, chromosome: str, length: int) -> str:
        """A stretch beyond the end."""
        return _beyond(self.path, self.stretches.get(chromosome), chromosome, length)

    def track(self, chromosome: str, span: Span) -> Track | None:
        """Numbers."""
        if (s := self.stretches.get(chromosome)) is None:
            return None
        place = np.arange(span.start, span.end)
        near = s.within(span.start, span.end)
        index = np.maximum(np.searchsorted(s.start[near], place, "right") - 1, 0)
        if not len(s.start[near]):
            return _turned(np.full(len(place), np.nan, np.float32), span)
        inside = (s.start[near][index] <= place) & (place < s.end[near][index])
        return _turned(np.where(inside, s.value[near][index], np.float32(np.nan)), span)


class Peaks(Signal):
    """Peaks of a BED file as deciles of their values in that file; of several at a place the highest counts."""

    def __init__(self, path: Path, stretches: Mapping[str, Stretches]) -> None:
        self.path, self.stretches = path, stretches
        every = np.concatenate([s.value for s in stretches.values()])
        self.edges = np.quantile(every, np.arange(1, 10) / 10)

    def fault(self, chromosome: str, length: int) -> str:
        """A peak beyond the end."""
        return _beyond(self.path, self.stretches.get(chromosome), chromosome, length)

    def track(self, chromosome: str, span: Span) -> Track | None:
        """One of DECILES."""
        if (s := self.stretches.get(chromosome)) is None:
            return None
        decile = np.zeros(span.end - span.start, np.int8)
        for i in np.flatnonzero((s.start < span.end) & (s.end > span.start)):
            here = slice(max(s.start[i] - span.start, 0), s.end[i] - span.start)
            decile[here] = np.maximum(decile[here], 1 + np.searchsorted(self.edges, s.value[i]))
        code = np.where(decile == 0, NO_PEAK, np.where(decile == 10, TENTH, decile))
        return Track(code[:: span.strand], DECILES)


class BigWig(Signal):
    """Numbers of a bigWig file, which tells the lengths of its chromosomes."""

    def __init__(self, path: Path) -> None:
        import pyBigWig  # extra: signals

        self.path, self.file = path, pyBigWig.open(str(path))
        self.lengths: Mapping[str, int] = self.file.chroms()

    def fault(self, chromosome: str, length: int) -> str:
        """Another length, so another assembly."""
        own = self.lengths.get(chromosome, length)
        same = f"{self.path}: {chromosome} has {own} letters, {length} in the genome, so it is of another assembly"
        return "" if own == length else f"{same}. Lift it over, or give the other genome"

    def track(self, chromosome: str, span: Span) -> Track | None:
        """Numbers."""
        if chromosome not in self.lengths:
            return None
        return _turned(np.asarray(self.file.values(chromosome, span.start, span.end, numpy=True), np.float32), span)


class Stranded(Signal):
    """One signal for each strand."""

    def __init__(self, forward: Signal, reverse: Signal) -> None:
        self.of = {1: forward, -1: reverse}

    def fault(self, chromosome: str, length: int) -> str:
        """Of either."""
        return self.of[1].fault(chromosome, length) or self.of[-1].fault(chromosome, length)

    def track(self, chromosome: str, span: Span) -> Track | None:
        """Of the strand that is read."""
        return self.of[span.strand].track(chromosome, span)


def open_signal(paths: Sequence[Path]) -> Signal:
    """The signal in a file, or in two: of the forward and of the reverse strand.

    Raises:
        FormatError: a file is not bedGraph, BED or bigWig, or is damaged.
    """
    signals = [_open(path) for path in paths]
    if len(signals) > 2:
        raise FormatError(f"{paths[2]}: a signal has one file, or one for each strand; got {len(paths)}. Leave it out.")
    return Stranded(*signals) if len(signals) == 2 else signals[0]


def _open(path: Path) -> Signal:
    with open_source(path) as source:
        if source.head.startswith(BIGWIG):
            return BigWig(path)
        if not recognises(source):
            raise FormatError(f"{path}: begins as neither bedGraph nor BED nor bigWig. Give a signal in one of them.")
        return (Graph if is_graph(source) else Peaks)(path, read_intervals(source))


def _turned(values: Float32[np.ndarray, "n"], span: Span) -> Track:
    return Track(values[:: span.strand])


def _beyond(path: Path, stretches: Stretches | None, chromosome: str, length: int) -> str:
    if stretches is None or int(stretches.end.max()) <= length:
        return ""
    line = int(stretches.line[stretches.end.argmax()])
    return f"{path}:{line}: goes beyond the {length} letters of {chromosome}. Give the track of this assembly"
