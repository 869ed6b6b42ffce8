"""GenBank files, packed or not, as sequences with features; biopython reads them."""

import warnings
from collections.abc import Iterator
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

from foundation.data.biology.feature import Feature, Part
from foundation.data.biology.sequence import Kind, Sequence
from foundation.data.formats.letters import samples_of, text_of
from foundation.data.formats.source import Samples, Source
from foundation.data.records import RecordError, Sample

if TYPE_CHECKING:
    from Bio.SeqRecord import SeqRecord

NAMES = ("gene", "locus_tag", "product", "label")  # qualifiers that name a feature, the best first


def recognises(source: Source) -> bool:
    """Whether the file begins as GenBank does."""
    return source.head.lstrip().startswith(b"LOCUS ")


def read(source: Source) -> Samples:
    """A sample for each entry: `dna`, `rna` or `protein`, as its letters are; an mRNA written with T is `dna`.

    Labels: molecule and organism, as the file has them.

    Raises:
        FormatError: no entry has letters.
    """
    with text_of(source) as text:
        entries = _entries(text)
        return (yield from samples_of(source, entries, lambda entry, number: _sample(source, entry, number)))


def _entries(text: TextIOWrapper) -> "Iterator[SeqRecord]":
    from Bio import BiopythonWarning, SeqIO

    entries = SeqIO.parse(text, "genbank")
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BiopythonWarning)  # of lines that old programs wrote otherwise
            entry = next(entries, None)
        if entry is None:
            return
        yield entry


def _sample(source: Source, entry: "SeqRecord", number: int) -> Sample:
    molecule = str(entry.annotations.get("molecule_type", ""))
    letters = _letters(entry)
    features = tuple(f for f in map(_feature, entry.features) if f is not None)
    sequence = Sequence(letters, _kind(molecule, letters), entry.id or "", entry.description, features=features)
    labels = {"molecule": molecule, "organism": str(entry.annotations.get("organism", ""))}
    origin = {"path": str(source.path), "survey": "GenBank", "entry": number}
    return Sample(sequence.name or f"{source.path.name.partition('.')[0]}-{number}", {sequence.kind: sequence},
                  {k: v for k, v in labels.items() if v}, origin)  # fmt: skip


def _letters(entry: "SeqRecord") -> str:
    from Bio.Seq import UndefinedSequenceError

    try:
        return str(entry.seq)
    except UndefinedSequenceError as error:
        raise RecordError(f"Sequence {entry.id!r}: has features but no letters. Download the full entry.") from error


def _kind(molecule: str, letters: str) -> Kind:
    if molecule.lower() == "protein":
        return "protein"
    return "rna" if "U" in letters.upper() else "dna"


def _feature(feature: Any) -> Feature | None:  # noqa: ANN401 - biopython's positions are no ints to type checkers
    """None if it lies in other entries too, or is the whole entry's description."""
    location, qualifiers = feature.location, feature.qualifiers
    if location is None or feature.type == "source":
        return None
    parts = tuple(Part(int(p.start), int(p.end), p.strand or 1) for p in location.parts)
    if any(p.ref for p in location.parts):
        return None
    first = lambda name, default: qualifiers.get(name, [default])[0]  # noqa: E731 - qualifiers are lists of text
    return Feature(
        feature.type,
        parts,
        next((first(name, "") for name in NAMES if name in qualifiers), ""),
        int(first("codon_start", 1)),
        int(first("transl_table", 1)),
        first("translation", ""),
        _partial(location),
    )


def _partial(location: Any) -> tuple[bool, bool]:  # noqa: ANN401
    from Bio.SeqFeature import AfterPosition, BeforePosition

    first, last = location.parts[0], location.parts[-1]  # in the order of reading
    begins = first.start if first.strand != -1 else first.end
    ends = last.end if last.strand != -1 else last.start
    open_ended = (BeforePosition, AfterPosition)
    return isinstance(begins, open_ended), isinstance(ends, open_ended)
