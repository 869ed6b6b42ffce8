"""Swiss-Prot: text entries of UniProt, as proteins with words about what they do and whose they are; biopython reads
them."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from foundation.data.biology.sequence import Sequence
from foundation.data.formats.letters import samples_of, text_of
from foundation.data.formats.source import Samples, Source
from foundation.data.records import Record, Sample
from foundation.data.text import Text

if TYPE_CHECKING:
    from Bio.SwissProt import Record as Entry

BEGINS = re.compile(rb"\AID   \S+\s+(Reviewed|Unreviewed|STANDARD|PRELIMINARY);")
EVIDENCE = re.compile(r"\.?\s*\{ECO:[^}]*\}\.?")  # where a statement comes from, at its end
CITED = re.compile(r"\s*\((?:PubMed:\d+(?:,\s*)?)+\)")  # and within
TOLD = ("FUNCTION", "SIMILARITY")  # comments that say what a protein does and what it is like
PROTEIN, CAPTION, LINEAGE = "aa_seq", "funcprot_caption", "gene_family_txt"  # names of LORE


def recognises(source: Source) -> bool:
    """Whether the file begins as an entry of UniProt does; those of EMBL begin alike, with other words."""
    return bool(BEGINS.match(source.head))


def read(source: Source) -> Samples:
    """A sample for each entry, named by its first accession: its residues, and words where it has them.

    Words are the comments FUNCTION and SIMILARITY without evidence and PubMed numbers (`funcprot_caption`), and the
    lineage in small letters (`gene_family_txt`).

    Raises:
        FormatError: no entry is a sequence, or the file is cut short.
    """
    with text_of(source) as text:
        return (yield from samples_of(source, _entries(text), lambda entry, number: _sample(source, entry, number)))


def _entries(text: object) -> "Iterator[Entry]":
    from Bio.SwissProt import parse

    yield from parse(text)


def _sample(source: Source, entry: "Entry", number: int) -> Sample:
    name = entry.accessions[0]
    records: dict[str, Record] = {PROTEIN: Sequence(entry.sequence, "protein", name, str(entry.description))}
    species = str(entry.organism).partition(" (")[0].rstrip(".")
    words = {CAPTION: _caption(entry), LINEAGE: " ".join([*entry.organism_classification, species]).lower()}
    records |= {key: Text(told) for key, told in words.items() if told.strip()}
    return Sample(name, records, {"gene": name}, {"path": str(source.path), "survey": "UniProt", "entry": number})


def _caption(entry: "Entry") -> str:
    """The comments that count, one after the other."""
    parts = (str(comment).partition(": ") for comment in entry.comments)
    return " ".join(CITED.sub("", EVIDENCE.sub(".", told)) for kind, _, told in parts if kind in TOLD)
