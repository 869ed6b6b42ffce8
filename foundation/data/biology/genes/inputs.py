"""Inputs: the genome, its annotation and what belongs to it, from the files that were named, told by their content."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from foundation.data.biology.genes.account import Account
from foundation.data.biology.genes.described import transcripts_of
from foundation.data.biology.genes.rows import Beside, Chromosome
from foundation.data.biology.genes.signals import open_signal
from foundation.data.biology.residues import residue_tracks as from_structure
from foundation.data.biology.residues import surface_of_chain, the_protein
from foundation.data.biology.structure import Structure
from foundation.data.biology.track import UNKNOWN, Track
from foundation.data.formats import fasta, genbank, gff
from foundation.data.formats.gff import Annotation
from foundation.data.formats.letters import text_of
from foundation.data.formats.source import FormatError, Source, explained, open_source
from foundation.data.formats.structure import read_structure
from foundation.data.text import Text
from foundation.errors import FoundationError
from foundation.progress import track

STRUCTURES, PREDICTED, SURFACES = "structures", "predicted", "surfaces"  # name directories of PDB and mmCIF files
TEXTS = ".tsv"  # ends the names of files of words
PROTEINS = "proteins"  # PROTEINS=FILE is what transcripts are known to code for
SORTS = "FASTA, GFF3, GTF or GenBank"


@dataclass(frozen=True, eq=False)
class Inputs:
    """Files read so far; genomes are read again, chromosome by chromosome, when rows are made.

    Args:
        genomes: FASTA files.
        annotations: of GFF3 and GTF files.
        described: chromosomes of GenBank files.
    """

    genomes: list[Path] = field(default_factory=list)
    annotations: list[Annotation] = field(default_factory=list)
    described: list[Chromosome] = field(default_factory=list)

    @property
    def transcripts(self) -> int:
        """Number in all annotations."""
        annotated = sum(len(ts) for a in self.annotations for ts in a.transcripts.values())
        return annotated + sum(len(chromosome.transcripts) for chromosome in self.described)

    def chromosomes(self, account: Account) -> Iterator[Chromosome]:
        """Each that has transcripts, one in memory at a time; notes transcripts whose chromosome is nowhere."""
        yield from self.described
        seen: set[str] = set()
        for genome in self.genomes:
            for name, letters in _letters(genome):
                for annotation in self.annotations:
                    self._compare(annotation, name, len(letters), genome, account)
                    if name in annotation.transcripts and name not in seen:
                        yield Chromosome(name, letters, annotation.path, annotation.transcripts[name])
                seen.add(name)
        for annotation in self.annotations:
            self._tell_missing(annotation, seen, account)

    def _compare(self, annotation: Annotation, name: str, length: int, genome: Path, account: Account) -> None:
        told, line = annotation.lengths.get(name, (length, 0))
        if told != length:
            reason = f"{name} has {told} letters here, {length} in {genome}; are they of one assembly?"
            account.note(annotation.path, line, reason)

    def _tell_missing(self, annotation: Annotation, seen: set[str], account: Account) -> None:
        given = ", ".join(map(str, self.genomes)) or "no FASTA file"
        for name in annotation.transcripts.keys() - seen:
            for transcript in annotation.transcripts[name]:
                reason = f"transcript {transcript.name!r} lies on {name}, which {given} has not. Add it, or rename"
                account.note(annotation.path, transcript.line, reason, lost=True)


def read_inputs(files: Sequence[Path], account: Account) -> Inputs:
    """Genomes and annotations, each told by its first bytes.

    Raises:
        FoundationError: a file is of another sort, or there is no genome or no annotation.
    """
    inputs = Inputs()
    for path in files:
        with explained(path), open_source(path) as source:
            _take(source, inputs, account)
    if not inputs.described and not (inputs.genomes and inputs.annotations):
        missing = "annotation (GFF3 or GTF)" if inputs.genomes else "genome (FASTA)"
        raise FoundationError(f"there is no {missing} among {len(files)} files. Give both, or GenBank files.")
    return inputs


def read_beside(named: Mapping[str, Sequence[Path]]) -> Beside:
    """What NAME=FILE gives: known proteins, what residues are (FASTA), texts (.tsv), or signals along chromosomes.

    A directory gives what follows from the structures in it.

    Raises:
        FoundationError: a file cannot be read.
    """
    signals, residues, proteins, texts = {}, {}, {}, {}
    for name, paths in named.items():
        if paths[0].is_dir():
            for modality, known in structures_of(paths[0], name).items():
                residues[modality] = residues.get(modality, {}) | known
            continue
        if paths[0].name.removesuffix(".gz").endswith(TEXTS):
            with open_source(paths[0]) as source:
                texts[name] = texts_of(source)
            continue
        with open_source(paths[0]) as source:
            entries = dict(_entries(source)) if fasta.recognises(source) else None
        if name == PROTEINS and entries is None:
            raise FormatError(f"{paths[0]}: known proteins are wanted as FASTA. Give such a file after {PROTEINS}=.")
        if name == PROTEINS:
            proteins |= entries or {}
        elif entries is not None:
            residues[name] = residue_tracks(entries)
        else:
            signals[name] = open_signal(paths)
    return Beside(signals, residues, proteins, texts)


def texts_of(source: Source) -> dict[str, Text]:
    """Words by name, from lines of a name, a tab and words.

    Raises:
        FormatError: a line without a tab, or without words.
    """
    found = {}
    with text_of(source) as text:
        for number, line in enumerate(text, 1):
            name, tab, words = line.rstrip("\n").partition("\t")
            if not (name and tab and words.strip()):
                raise FormatError(
                    f"{source.path}, line {number}: {line.strip()[:60]!r} is not a name, a tab and words."
                )
            found[name] = Text(words)
    return found


def structures_of(directory: Path, name: str) -> dict[str, dict[str, Track | Structure]]:
    """By modality and by the name that a file has before its ending, what follows from each structure.

    Args:
        name: STRUCTURES, or PREDICTED for those whose B factors are confidences, or SURFACES for their surface alone.

    Raises:
        FoundationError: another name, a file that cannot be read, or one without exactly one protein.
    """
    if name not in (STRUCTURES, PREDICTED, SURFACES):
        known = f"{STRUCTURES}=, {PREDICTED}= or {SURFACES}="
        raise FoundationError(f"{name}={directory} is a directory. Give {known}, or a file.")
    found: dict[str, dict[str, Track | Structure]] = defaultdict(dict)
    files = sorted(p for p in directory.iterdir() if p.is_file())
    for path in track(files, f"reading {directory}", len(files)):
        structure = read_structure(path)
        if name == SURFACES:
            tracks: Mapping[str, Track | Structure] = surface_of_chain(structure, the_protein(structure))
        else:
            tracks = from_structure(structure, name == PREDICTED)
        for modality, along in tracks.items():
            found[modality][path.name.removesuffix(".gz").rpartition(".")[0]] = along
    return dict(found)


def residue_tracks(entries: Mapping[str, str]) -> dict[str, Track]:
    """Letters as categories, one for each letter that occurs; X is a place that is not known."""
    letters = sorted(set().union(*entries.values()) - {"X"})
    number = {letter: i for i, letter in enumerate(letters)}
    return {
        name: Track(np.array([number.get(letter, UNKNOWN) for letter in text]), tuple(letters))
        for name, text in entries.items()
    }


def _take(source: Source, inputs: Inputs, account: Account) -> None:
    if fasta.recognises(source):
        inputs.genomes.append(source.path)
    elif genbank.recognises(source):
        for sample in genbank.read(source):
            for sequence in sample.values():
                found = tuple(transcripts_of(sequence, source.path, account))  # type: ignore[arg-type]
                inputs.described.append(Chromosome(sample.key, sequence.letters, source.path, found))  # type: ignore[union-attr]
    elif gff.recognises(source):
        inputs.annotations.append(gff.read_annotation(source, account))
    else:
        raise FormatError(f"{source.path}: begins as none of {SORTS}. Signals are given as NAME=FILE.")


def _letters(genome: Path) -> Iterator[tuple[str, str]]:
    with open_source(genome) as source:
        yield from _entries(source)


def _entries(source: Source) -> Iterator[tuple[str, str]]:
    """Name and letters of each entry of a FASTA file."""
    from Bio.SeqIO.FastaIO import SimpleFastaParser

    with text_of(source) as text:
        for title, letters in SimpleFastaParser(text):
            yield title.partition(" ")[0], letters


def by_name(files: Sequence[str]) -> tuple[list[Path], dict[str, list[Path]]]:
    """Plain files, and those given as NAME=FILE or NAME=FORWARD,REVERSE."""
    plain, named = [], defaultdict(list)
    for text in files:
        name, equals, rest = text.partition("=")
        if equals:
            named[name] += [Path(part) for part in rest.split(",")]
        else:
            plain.append(Path(text))
    return plain, dict(named)
