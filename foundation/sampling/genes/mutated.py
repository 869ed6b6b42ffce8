"""Mutated: rows of transcripts with one letter changed, from a file of substitutions along the genome."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

from foundation.data.biology.genes.exons import exons_of
from foundation.data.biology.genes.layout import LETTERS, MARKS
from foundation.data.biology.sequence import Sequence as Letters
from foundation.data.biology.track import Track
from foundation.data.formats.vcf import Substitution
from foundation.data.records import Sample
from foundation.errors import FoundationError

COMPLEMENT = str.maketrans("ACGU", "UGCA")
SITE = 2  # letters at either end of an intron without which it is none


@dataclass(frozen=True, eq=False)
class Mutated:
    """A transcript with a substitution.

    Args:
        row: as it was.
        place: of the letter, counted from the first of the row, in reading order.
        new: what it becomes, as RNA.
        name: of the substitution.
    """

    row: Sample
    place: int
    new: str
    name: str

    @property
    def letters(self) -> str:
        """All letters, with the new one."""
        old = cast(Letters, self.row[LETTERS]).letters
        return old[: self.place] + self.new + old[self.place + 1 :]

    @property
    def exons(self) -> list[tuple[int, int]]:
        """Of the row as it was, counted from its first letter."""
        return exons_of(cast(Track, self.row[MARKS]).values)

    @property
    def takes_a_site(self) -> bool:
        """Whether the letter is one that its intron cannot do without, so that no other edit brings it back."""
        exons = self.exons
        return any(
            one[1] <= self.place < one[1] + SITE or two[0] - SITE <= self.place < two[0] for one, two in pairwise(exons)
        )


def mutated(
    rows: Sequence[Sample], substitutions: Sequence[Substitution], source: str
) -> tuple[list[Mutated], Counter[str]]:
    """Every row with every substitution within its transcript, but for letters that a site needs; and what was not.

    Args:
        rows: with letters and junctions.
        source: name of the file, for messages.

    Raises:
        FoundationError: a letter differs from that of the file, as with another assembly.
    """
    found, reasons = [], Counter[str]()
    for s in substitutions:
        here = [m for row in rows if (m := _placed(row, s, source))]
        kept = [m for m in here if not m.takes_a_site]
        reasons["in no row"] += not here
        reasons["take a letter that a wanted site needs"] += len(here) - len(kept)
        found += kept
    return found, +reasons


def _placed(row: Sample, s: Substitution, source: str) -> Mutated | None:
    """The row with this substitution, if it lies within the transcript."""
    start, end, strand = (int(row.origin.get(name, 0)) for name in ("start", "end", "strand"))
    if row.origin.get("chromosome") != s.chromosome or not start <= s.place < end:
        return None
    forward = strand > 0
    place = s.place - start if forward else end - 1 - s.place
    old, new = (x.replace("T", "U") if forward else x.replace("T", "U").translate(COMPLEMENT) for x in (s.old, s.new))
    letters = cast(Letters, row[LETTERS]).letters
    if letters[place] != old:
        raise FoundationError(
            f"{source}, line {s.line}: the letter is {s.old}, in {row.key} it is {letters[place]} in reading order. "
            "Give variants of the assembly that the rows were made from."
        )
    change = Mutated(row, place, new, s.name or f"{s.chromosome}:{s.place + 1}{s.old}>{s.new}")
    exons = change.exons
    return change if exons and exons[0][0] <= place < exons[-1][1] else None
