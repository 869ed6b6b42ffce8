"""GFF3 and GTF files as transcripts. Read by hand: parsers that build a database take minutes for a genome."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from foundation.data.biology.genes.account import Account
from foundation.data.biology.genes.transcript import Interval, Transcript
from foundation.data.formats.letters import text_of
from foundation.data.formats.source import FormatError, Source
from foundation.errors import RecordError

CELLS = 9
PARTS = ("exon", "CDS", "stop_codon")  # what transcripts are made of; GTF leaves the stop codon out of the CDS
PARENT = re.compile(r'(?:^|;) ?(?:Parent=([^;]+)|transcript_id "([^"]+))')
PLAIN, QUOTED = re.compile(r"([^;=\s]+)=([^;]*)"), re.compile(r'(\w+) "?([^";]*)"?')
GTF = re.compile(r'\w+ "')
RECOGNISED = re.compile(rb"(#[^\n]*\n|\s*\n)*[^\t\n>]+\t[^\t\n]*\t\w[^\t\n]*\t\d+\t\d+\t[^\t\n]*\t[-+.?]\t[012.]\t")
BIOTYPES = ("transcript_biotype", "transcript_type", "biotype", "gene_biotype", "gene_type")
PROTEINS = ("protein_id", "Name", "ID")
PASSED = "The line was passed over"

Attributes = Mapping[str, str]


class Row(NamedTuple):
    """One line: start counted from 0, end one past the last, strand 1, -1 or 0 = none, attributes as written."""

    line: int
    chromosome: str
    kind: str
    start: int
    end: int
    strand: int
    phase: str
    attributes: str

    @property
    def interval(self) -> Interval:
        """Where it lies."""
        return self.start, self.end

    @property
    def about(self) -> Attributes:
        """Attributes by name."""
        return _attributes(self.attributes)


@dataclass(frozen=True, eq=False)
class Annotation:
    """What a file says.

    Args:
        transcripts: of each chromosome, by place.
        lengths: of chromosomes, if the file tells them, and the line that does.
    """

    path: Path
    transcripts: Mapping[str, list[Transcript]]
    lengths: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def recognises(source: Source) -> bool:
    """Whether the file begins with a version of GFF, or with a line of nine cells as GFF and GTF have them."""
    return source.head.startswith(b"##gff-version") or bool(RECOGNISED.match(source.head))


def read_annotation(source: Source, account: Account) -> Annotation:
    """All transcripts of a file, in any order of its lines; what makes none is noted in `account`.

    Genes that have coding parts or exons of their own and no transcript, as those of bacteria, are transcripts.

    Raises:
        FormatError: no transcript, or bytes that are no text.
    """
    reading = _Reading(source.path, account)
    try:
        with text_of(source) as text:
            for number, line in enumerate(text, 1):
                if line.startswith("##FASTA"):
                    break
                reading.take(number, line)
    except UnicodeDecodeError as error:
        raise FormatError(f"{source.path}: holds bytes that are no text ({error.reason}). Save it as UTF-8.") from error
    found: dict[str, list[Transcript]] = defaultdict(list)
    for transcript in reading.transcripts():
        found[transcript.chromosome].append(transcript)
    if not found and not account.lost:
        raise FormatError(f"{source.path}: has no exon and no CDS. Give the annotation of genes.")
    by_place = {name: sorted(ts, key=lambda t: (t.start, t.end)) for name, ts in found.items()}
    return Annotation(source.path, by_place, reading.lengths)


class _Family:
    """The parts that name one parent; of their lines only the first and that of the first coding part are kept."""

    def __init__(self, row: Row) -> None:
        self.first, self.codes = row, row if row.kind == "CDS" else None
        self.parts: dict[str, set[Interval]] = {kind: set() for kind in PARTS}
        self.homes = {(row.chromosome, row.strand)}

    def add(self, row: Row) -> None:
        """Take in a part; one that is listed twice counts once."""
        self.homes.add((row.chromosome, row.strand))
        self.parts[row.kind if row.kind in PARTS else "exon"].add(row.interval)
        if row.kind == "CDS" and (self.codes is None or row.start * row.strand <= self.codes.start * row.strand):
            self.codes = row

    @property
    def coding(self) -> tuple[Interval, ...]:
        """The coding parts with the stop codon, which becomes part of what it touches."""
        coding = sorted(self.parts["CDS"])
        for start, end in sorted(self.parts["stop_codon"]) if coding else ():
            if any(low <= start and end <= high for low, high in coding):
                continue
            touched = [part for part in coding if part[0] == end or part[1] == start]
            ends = [place for part in (*touched, (start, end)) for place in part]
            coding = sorted([*(part for part in coding if part not in touched), (min(ends), max(ends))])
        return tuple(coding)


class _Reading:
    """What was read so far: parts by their parents, and the lines that may be parents."""

    def __init__(self, path: Path, account: Account) -> None:
        self.path, self.account = path, account
        self.lengths: dict[str, tuple[int, int]] = {}
        self.families: dict[str, _Family] = {}
        self.parents: dict[str, Row] = {}
        self.last: tuple[str, int] = "", 0
        self.unsorted: list[int] = []

    def take(self, number: int, line: str) -> None:
        """Read one line."""
        if line.startswith("#"):
            if line.startswith("##sequence-region") and len(cells := line.split()) == 4 and cells[3].isdigit():
                self.lengths[cells[1]] = int(cells[3]), number
        elif line.strip():
            try:
                self._file(_row(number, line))
            except RecordError as error:
                self.account.note(self.path, number, str(error))

    def transcripts(self) -> Iterator[Transcript]:
        """One for each parent of parts; what makes none is noted."""
        if self.unsorted:
            reason = f"{len(self.unsorted)} genes stand after one that begins later; all were sorted by place"
            self.account.note(self.path, self.unsorted[0], reason)
        self._add_undivided()
        mothers = self._mothers()
        for name, family in self.families.items():
            try:
                if name not in mothers:
                    yield self._transcript(name, family)
                elif family.coding and not mothers[name]:
                    raise RecordError(f"gene {name!r} codes, but which of its transcripts does is not said. Say so")
            except RecordError as error:
                self.account.note(self.path, family.first.line, str(error), lost=True)

    def _file(self, row: Row) -> None:
        if row.kind in PARTS:
            for parent in _parents(row):
                if parent not in self.families:
                    self.families[parent] = _Family(row)
                self.families[parent].add(row)
            return
        about = row.about
        if name := about.get("ID") or (about.get("transcript_id") if row.kind == "transcript" else None):
            self.parents[name] = row
        if row.kind == "gene":
            self.parents.setdefault(about.get("gene_id", str(row.line)), row)
            if row.chromosome == self.last[0] and row.start < self.last[1]:
                self.unsorted.append(row.line)
            self.last = row.chromosome, row.start

    def _add_undivided(self) -> None:
        """Transcripts without parts are one exon."""
        for name, row in self.parents.items():
            if name not in self.families and (row.kind.endswith("RNA") or "transcript" in row.kind):
                self.families[name] = _Family(row)
                self.families[name].add(row)

    def _mothers(self) -> dict[str, bool]:
        """Genes of transcripts, and whether one of these codes; what such genes list of their own is listed again."""
        mothers: dict[str, bool] = {}
        for name, family in self.families.items():
            if (gene := self._gene(name)) != name:
                mothers[gene] = mothers.get(gene, False) or bool(family.parts["CDS"])
        return mothers

    def _gene(self, name: str) -> str:
        """What a transcript descends from in the end; itself if from nothing."""
        row, seen = self.parents.get(name), {name}
        while row and (parent := row.about.get("Parent", "").partition(",")[0]) and parent not in seen:
            seen.add(parent)
            name, row = parent, self.parents.get(parent)
        if len(seen) > 1:
            return name
        own = row or self.families[name].first
        return own.about.get("gene_id", "") or name

    def _transcript(self, name: str, family: _Family) -> Transcript:
        [(chromosome, strand), *others] = sorted(family.homes)
        if others or not strand:
            told = " and ".join(f"{home} {'.+-'[way]}" for home, way in sorted(family.homes))
            raise RecordError(f"transcript {name!r} lies on {told}. Give all its lines one chromosome and strand")
        coding, gene, codes = family.coding, self._gene(name), family.codes
        about = codes.about if codes else {}
        own = self.parents.get(name)
        return Transcript(
            name, chromosome, strand, tuple(family.parts["exon"]) or coding, coding,
            int(codes.phase) if codes and codes.phase.isdigit() else 0, gene, self._biotype(own, gene, family.first),
            _first(about, PROTEINS), int(_first(about, ("transl_table",)) or 1),
            _partial(about, own.about if own else {}, strand), line=family.first.line,
        )  # fmt: skip

    def _biotype(self, own: Row | None, gene: str, part: Row) -> str:
        """What a transcript, its parts or its gene are called, or else what kind of line the transcript has."""
        for row in (own, part, self.parents.get(gene)):
            if row and (found := _first(row.about, BIOTYPES)):
                return found
        return own.kind if own and own.kind not in ("gene", "transcript") else ""


def _row(number: int, line: str) -> Row:
    cells = line.rstrip("\r\n").split("\t")
    if len(cells) != CELLS:
        raise RecordError(f"has {len(cells)} cells, wanted {CELLS} with tabs between. {PASSED}")
    chromosome, _, kind, start, end, _, strand, phase, attributes = cells
    if not (start.isdigit() and end.isdigit() and 1 <= int(start) <= int(end)):
        raise RecordError(f"{kind} from {start!r} to {end!r}, wanted 1 <= start <= end. {PASSED}")
    sign = {"+": 1, "-": -1}.get(strand, 0)
    return Row(number, chromosome, kind, int(start) - 1, int(end), sign, phase, attributes)


def _attributes(text: str) -> Attributes:
    found = dict((QUOTED if GTF.match(text) else PLAIN).findall(text))
    return {name: unquote(value) for name, value in found.items()} if "%" in text else found


def _parents(row: Row) -> list[str]:
    if match := PARENT.search(row.attributes):
        return unquote(match[1] or match[2]).split(",")
    about = row.about
    if name := about.get("ID") or about.get("gene_id"):
        return [name]
    raise RecordError(f"{row.kind} has neither Parent nor transcript_id. {PASSED}")


def _partial(codes: Attributes, own: Attributes, strand: int) -> tuple[bool, bool]:
    """RefSeq marks the low or the high end of what is cut; GENCODE the beginning or the end."""
    tags = own.get("tag", "") + codes.get("tag", "")
    begins, ends = ("start_range" in codes, "end_range" in codes)[::strand]
    return begins or "cds_start_NF" in tags, ends or "cds_end_NF" in tags


def _first(attributes: Attributes, names: tuple[str, ...]) -> str:
    return next((attributes[name] for name in names if attributes.get(name)), "")
