"""Entries: rows of proteins that are written as letters, in FASTA or in UniProt's text."""

from pathlib import Path
from typing import cast

from foundation.data.biology.genes.layout import PROTEIN
from foundation.data.biology.sequence import Sequence
from foundation.data.formats import fasta, swissprot
from foundation.data.formats.source import Reading, explained, open_source
from foundation.data.ingest import Outcome
from foundation.data.records import Sample


def written_rows(path: Path, least: int, outcome: Outcome) -> list[Sample] | None:
    """A row for each long enough entry of FASTA or UniProt text; None for another file.

    What is left out within the file is a remark of the outcome.

    Raises:
        FormatError: no entry is a protein, or the file is damaged.
    """
    with explained(path), open_source(path) as source:
        reader = next((r for r in (swissprot, fasta) if r.recognises(source)), None)
        if reader is None:
            return None
        reading = Reading(reader.read(source))
        proteins = [s if PROTEIN in s else _as_protein(s) for s in reading]
    found = [s for s in proteins if len(cast(Sequence, s[PROTEIN])) >= least]
    if short := len(proteins) - len(found):
        outcome.remarks.append(f"{path}: {short} proteins have fewer than {least} residues and were left out")
    if reading.remark:
        outcome.remarks.append(f"{path}: {reading.remark}")
    return found


def _as_protein(sample: Sample) -> Sample:
    """An entry of FASTA, whatever its letters look like."""
    entry = cast(Sequence, next(iter(sample.values())))
    letters = Sequence(entry.letters, "protein", entry.name, entry.description)
    return Sample(sample.key, {PROTEIN: letters}, {"gene": sample.key}, sample.origin)
