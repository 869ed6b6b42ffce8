"""Flanks: how far a row reaches beyond its transcript without entering the neighbouring gene of the same strand."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from foundation.data.biology.genes.layout import Span
from foundation.data.biology.genes.transcript import Interval, Transcript
from foundation.errors import FoundationError


@dataclass(frozen=True)
class Flanks:
    """Letters beyond both ends; the defaults are LORE's of eukaryotes (arXiv:2604.24506), of others it has 200, 200.

    Args:
        upstream: before the first letter of a transcript, as it is read.
        downstream: after the last.
        least: of either, however near the neighbouring gene is; less only where the chromosome ends.

    Raises:
        FoundationError: a negative number, or `least` above the others.
    """

    upstream: int = 1000
    downstream: int = 300
    least: int = 200

    def __post_init__(self) -> None:
        if not 0 <= self.least <= min(self.upstream, self.downstream):
            raise FoundationError(
                f"flanks of {self.upstream} and {self.downstream} letters, at least {self.least}. "
                "Give numbers from 0 on, the last the smallest."
            )

    def span(self, transcript: Transcript, room: Interval, length: int) -> Span:
        """The transcript with its flanks.

        Args:
            room: where the genes before and after it on its strand end and begin, from `rooms`.
            length: of the chromosome.
        """
        before, after = (self.upstream, self.downstream)[:: transcript.strand]
        before = max(min(before, transcript.start - room[0]), self.least)
        after = max(min(after, room[1] - transcript.end), self.least)
        return Span(max(transcript.start - before, 0), min(transcript.end + after, length), transcript.strand)


def rooms(transcripts: Iterable[Transcript], length: int) -> Mapping[tuple[str, int], Interval]:
    """For each gene and strand of a chromosome, where the nearest others end before it and begin after it.

    A gene that begins earlier, or ends later, counts as such also if it overlaps; one that lies inside counts not.
    """
    genes: dict[tuple[str, int], Interval] = {}
    for t in transcripts:
        start, end = genes.get((t.gene, t.strand), (t.start, t.end))
        genes[t.gene, t.strand] = min(start, t.start), max(end, t.end)
    found: dict[tuple[str, int], Interval] = {}
    for strand in (1, -1):
        here = [gene for gene in genes if gene[1] == strand]
        found |= dict(zip(here, _rooms([genes[gene] for gene in here], length), strict=True))
    return found


def _rooms(genes: Sequence[Interval], length: int) -> list[Interval]:
    starts, ends = np.array(genes, np.int64).reshape(-1, 2).T
    by_start, by_end = np.argsort(starts, kind="stable"), np.argsort(ends, kind="stable")
    before, after = np.zeros(len(genes), np.int64), np.full(len(genes), length, np.int64)
    before[by_start[1:]] = np.maximum.accumulate(ends[by_start])[:-1]
    after[by_end[:-1]] = np.minimum.accumulate(starts[by_end][::-1])[::-1][1:]
    return list(zip(before.tolist(), after.tolist(), strict=True))
