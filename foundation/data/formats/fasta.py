"""FASTA and FASTQ files, packed or not, as sequences; biopython reads them."""

import re
from collections.abc import Iterator
from io import TextIOWrapper

import numpy as np

from foundation.data.biology.sequence import Sequence, kind_of
from foundation.data.formats.letters import samples_of, text_of
from foundation.data.formats.source import Samples, Source
from foundation.data.records import Sample

FASTQ = re.compile(rb"\A@[^\n]*\r?\n[^\n]*\r?\n\+")  # four lines an entry, as all machines write it
Entry = tuple[str, str, np.ndarray | None]  # title, letters, quality


def recognises(source: Source) -> bool:
    """Whether the file begins as FASTA does."""
    return source.head.lstrip().startswith(b">")


def recognises_fastq(source: Source) -> bool:
    """Whether the file begins as FASTQ does."""
    return bool(FASTQ.match(source.head))


def read(source: Source) -> Samples:
    """A sample for each entry, `rna`, `dna` or `protein` by its letters.

    Raises:
        FormatError: no entry is a sequence.
    """
    with text_of(source) as text:
        entries = _fasta(text)
        return (yield from samples_of(source, entries, lambda entry, number: _sample(source, entry, number)))


def read_fastq(source: Source) -> Samples:
    """A sample for each read, with its Phred scores (Sanger's offset of 33).

    Raises:
        FormatError: no entry is a sequence, or the file is cut short.
    """
    with text_of(source) as text:
        entries = _fastq(text)
        return (yield from samples_of(source, entries, lambda entry, number: _sample(source, entry, number)))


def _sample(source: Source, entry: Entry, number: int) -> Sample:
    title, letters, quality = entry
    name, _, description = title.strip().partition(" ")
    sequence = Sequence(letters, kind_of(letters), name, description.strip(), quality)  # type: ignore[arg-type]
    origin = {"path": str(source.path), "survey": "FASTA" if quality is None else "FASTQ", "entry": number}
    return Sample(name or f"{source.path.name.partition('.')[0]}-{number}", {sequence.kind: sequence}, {}, origin)


def _fasta(text: TextIOWrapper) -> Iterator[Entry]:
    from Bio.SeqIO.FastaIO import SimpleFastaParser

    return ((title, letters, None) for title, letters in SimpleFastaParser(text))


def _fastq(text: TextIOWrapper) -> Iterator[Entry]:
    from Bio.SeqIO.QualityIO import FastqGeneralIterator

    return (
        (title, letters, np.frombuffer(quality.encode(), np.uint8) - 33)
        for title, letters, quality in FastqGeneralIterator(text)
    )
