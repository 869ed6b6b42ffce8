"""Transcript: where the exons and the coding parts of one isoform lie, validated once on construction."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from foundation.errors import RecordError

Interval = tuple[int, int]  # places start to end - 1 of the forward strand, counted from 0


@dataclass(frozen=True)
class Transcript:
    """One isoform. Intervals ascend on the forward strand, whichever strand is read.

    Args:
        name: identifier in its file.
        chromosome: name of the sequence it lies on.
        strand: 1, or -1 if the other strand is read.
        exons: (start, end) of each; of one that only codes, the coding parts.
        coding: (start, end) of each part of the coding sequence, stop codon included; none if it codes for nothing.
        frame: letters of the coding sequence before its first whole codon.
        gene: identifier of the gene, which its isoforms share.
        biotype: what it is, as its file calls it, such as "protein_coding" or "lnc_RNA".
        protein: identifier of what it codes for.
        table: NCBI's number of the genetic code.
        partial: whether the coding sequence goes on before its first and after its last letter, in reading order.
        translation: the protein that the file gives, or "".
        line: of its file, counted from 1.

    Raises:
        RecordError: no exon, exons or coding parts that overlap, coding parts outside exons, or an impossible strand
            or frame.
    """

    name: str
    chromosome: str
    strand: int
    exons: tuple[Interval, ...]
    coding: tuple[Interval, ...] = ()
    frame: int = 0
    gene: str = ""
    biotype: str = ""
    protein: str = ""
    table: int = 1
    partial: tuple[bool, bool] = (False, False)
    translation: str = ""
    line: int = 0

    def __post_init__(self) -> None:
        exons, coding = tuple(sorted(self.exons)), tuple(sorted(self.coding))
        if not exons or self.strand not in (1, -1) or self.frame not in (0, 1, 2):
            raise RecordError(
                f"transcript {self.name!r} has {len(exons)} exons, strand {self.strand}, frame {self.frame}. "
                "Give an exon, strand 1 or -1, and frame 0 to 2."
            )
        self._check("exons", exons)
        self._check("coding parts", coding)
        if outside := next((part for part in coding if not _covered(part, exons)), None):
            raise RecordError(f"transcript {self.name!r} codes at {_told(outside)}, outside its exons. Correct either.")
        object.__setattr__(self, "exons", exons)
        object.__setattr__(self, "coding", coding)

    @property
    def start(self) -> int:
        """First place of the first exon on the forward strand."""
        return self.exons[0][0]

    @property
    def end(self) -> int:
        """One past the last place."""
        return self.exons[-1][1]

    def _check(self, what: str, parts: Sequence[Interval]) -> None:
        for start, end in parts:
            if not 0 <= start < end:
                raise RecordError(f"transcript {self.name!r} has {what} at {_told((start, end))}. Correct its ends.")
        for one, two in pairwise(parts):
            if two[0] < one[1]:
                raise RecordError(
                    f"transcript {self.name!r} has {what} that overlap, {_told(one)} and {_told(two)}. "
                    "Correct one, or join them."
                )


def _covered(part: Interval, exons: Sequence[Interval]) -> bool:
    return any(start <= part[0] and part[1] <= end for start, end in exons)


def _told(part: Interval) -> str:
    """As annotations write it, counted from 1, the end included."""
    return f"{part[0] + 1}-{part[1]}"
