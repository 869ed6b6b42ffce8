"""Rows: one sample for each transcript of an annotated genome, 5' to 3' (rows of LORE, arXiv:2604.24506).

A row is the unspliced transcript with flanks, what each base of it is, what was measured along it, and what it codes
for. Modalities are called as in LORE; the nucleotides of one row, and its residues, have one length each.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Several
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from foundation.data.biology.feature import Feature, Part
from foundation.data.biology.genes.account import Account
from foundation.data.biology.genes.coding import coding_of
from foundation.data.biology.genes.flanks import Flanks, rooms
from foundation.data.biology.genes.layout import PROTEIN, Span, kind_of, tracks_of
from foundation.data.biology.genes.signals import Signal
from foundation.data.biology.genes.transcript import Interval, Transcript
from foundation.data.biology.residues import residue_count
from foundation.data.biology.sequence import Sequence
from foundation.data.biology.structure import Structure
from foundation.data.biology.track import Track
from foundation.data.records import Record, Sample
from foundation.data.text import Text
from foundation.errors import FoundationError, RecordError

T = TypeVar("T")
EVERY = "*"  # names all transcripts that are not named otherwise


@dataclass(frozen=True)
class RowLimits:
    """Which transcripts become rows, and what of them; the defaults are LORE's.

    Args:
        flanks: letters beyond the ends.
        longest: letters of the longest span, flanks included.
        unknown: most letters N of a row.
        unknown_share: most of its letters that are N, as a share.
        missing_share: most places of a signal that are missing, as a share; else the row goes without it.

    Raises:
        FoundationError: nothing would be left.
    """

    flanks: Flanks = field(default_factory=Flanks)
    longest: int = 25_000
    unknown: int = 800
    unknown_share: float = 0.4
    missing_share: float = 0.9

    def __post_init__(self) -> None:
        shares = min(self.unknown_share, self.missing_share), max(self.unknown_share, self.missing_share)
        if self.longest < 1 or self.unknown < 0 or not 0 <= shares[0] <= shares[1] <= 1:
            raise FoundationError(
                f"rows of {self.longest} letters, {self.unknown} N at most, shares {shares}. "
                "Give 1 letter or more, 0 N or more, and shares from 0 to 1."
            )


@dataclass(frozen=True, eq=False)
class Beside:
    """What belongs to rows beside genome and annotation.

    Args:
        signals: modality -> signal along the chromosomes.
        residues: modality -> name of a transcript or protein -> what each residue is.
        proteins: name of a transcript or protein -> the protein it is known to be.
        texts: modality -> name of a transcript, gene or protein, or EVERY one -> words about it.
    """

    signals: Mapping[str, Signal] = field(default_factory=dict)
    residues: Mapping[str, Mapping[str, Track | Structure]] = field(default_factory=dict)
    proteins: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, Mapping[str, Text]] = field(default_factory=dict)


class Chromosome(NamedTuple):
    """Letters as written, the file that annotates them, and the transcripts on them."""

    name: str
    letters: str
    path: Path
    transcripts: Several[Transcript]


def rows_of(chromosome: Chromosome, limits: RowLimits, beside: Beside, account: Account) -> Iterator[Sample]:
    """A sample for each transcript; those that make none are noted in `account`."""
    length, path = len(chromosome.letters), chromosome.path
    fitting, signals = [], {}
    for transcript in chromosome.transcripts:
        if transcript.end > length:
            reason = f"transcript {transcript.name!r} ends at {transcript.end}, {chromosome.name} has {length} letters"
            account.note(path, transcript.line, reason, lost=True)
        else:
            fitting.append(transcript)
    for name, signal in beside.signals.items():
        if fault := signal.fault(chromosome.name, length):
            account.note(path, 0, f"{name} is left out on {chromosome.name}: {fault}")
        else:
            signals[name] = signal
    room = rooms(fitting, length)
    making = _Making(chromosome, limits, signals, beside, account)
    for transcript in fitting:
        try:
            yield making.row(transcript, room[transcript.gene, transcript.strand])
        except RecordError as error:
            account.note(path, transcript.line, str(error), lost=True)
        else:
            account.rows += 1


@dataclass(frozen=True, eq=False)
class _Making:
    """What the rows of a chromosome are made of."""

    chromosome: Chromosome
    limits: RowLimits
    signals: Mapping[str, Signal]
    beside: Beside
    account: Account

    def row(self, transcript: Transcript, room: Interval) -> Sample:
        """The sample of one transcript.

        Raises:
            RecordError: too long, or too many letters that are not known.
        """
        span = self.limits.flanks.span(transcript, room, len(self.chromosome.letters))
        letters = self._letters(transcript, span)
        records: dict[str, Record] = {"rna_seq": letters, **tracks_of(transcript, span)}
        for name, signal in self.signals.items():
            track = signal.track(self.chromosome.name, span)
            if track is not None and np.mean(~track.known) <= self.limits.missing_share:
                records[name] = track
        for name, texts in self.beside.texts.items():
            if text := self._known(texts, transcript) or texts.get(transcript.gene, texts.get(EVERY)):
                records[name] = text
        if transcript.coding and kind_of(transcript.biotype) != "pseudogene":
            records |= self._coded(transcript, letters, span)
        labels = {
            "gene": transcript.gene, "chromosome": transcript.chromosome, "biotype": transcript.biotype,
            "exons": len(transcript.exons), "coding": bool(transcript.coding),
        }  # fmt: skip
        place = {"start": span.start, "end": span.end, "strand": span.strand, "line": transcript.line}
        origin = {"path": str(self.chromosome.path), "chromosome": transcript.chromosome} | place
        return Sample(transcript.name, records, labels, origin)

    def _letters(self, transcript: Transcript, span: Span) -> Sequence:
        """The unspliced RNA, with repeats as the genome marks them."""
        n = span.end - span.start
        if n > self.limits.longest:
            raise RecordError(
                f"transcript {transcript.name!r} has {n} letters with its flanks, rows have {self.limits.longest} at "
                "most. Raise --longest to keep it"
            )
        piece = Sequence(self.chromosome.letters[span.start : span.end].replace("U", "T"), "dna", transcript.name)
        unknown = piece.letters.count("N")
        if unknown > self.limits.unknown or unknown > self.limits.unknown_share * n:
            raise RecordError(f"transcript {transcript.name!r} has {unknown} letters N of {n}. Mend the genome there")
        letters = piece.extract(Feature("span", (Part(0, n, span.strand),))).replace("T", "U")
        soft = None if piece.soft is None else piece.soft[:: span.strand]
        return Sequence(letters, "rna", transcript.name, soft=soft)

    def _coded(self, transcript: Transcript, letters: Sequence, span: Span) -> dict[str, Record]:
        """Codons, protein, and what is known of its residues."""
        pieces = "".join(letters.letters[start:end] for start, end in span.local(transcript.coding))
        given = transcript.translation or self._known(self.beside.proteins, transcript) or ""
        try:
            coding = coding_of(transcript, pieces, given)
        except FoundationError as error:  # an unknown genetic code
            raise RecordError(f"transcript {transcript.name!r}: {error}") from error
        for doubt in coding.doubts:
            self._note(transcript, doubt)
        if not coding.protein:
            return {}
        records: dict[str, Record] = {
            "rna_codons": Sequence(coding.codons, "rna", transcript.name),
            PROTEIN: Sequence(coding.protein, "protein", transcript.name),
        }
        for name, known in self.beside.residues.items():
            record = self._known(known, transcript)
            if record is None:
                continue
            if (count := residue_count(record)) == len(coding.protein):
                records[name] = record
            else:
                self._note(transcript, f"has {count} places of {name} and {len(coding.protein)} residues; left out")
        return records

    @staticmethod
    def _known(table: Mapping[str, T], transcript: Transcript) -> T | None:
        return table.get(transcript.name, table.get(transcript.protein))

    def _note(self, transcript: Transcript, doubt: str) -> None:
        self.account.note(self.chromosome.path, transcript.line, f"transcript {transcript.name!r} {doubt}")
