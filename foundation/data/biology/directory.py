"""Structures of a directory: PDB and mmCIF files, or the record shards that `foundation ingest` made of them."""

from collections.abc import Iterator
from pathlib import Path

from foundation.data.biology.structure import Structure
from foundation.data.ingest import Outcome, gather, samples_of
from foundation.data.manifest import NAME
from foundation.data.records import Sample
from foundation.data.shards import RecordShards
from foundation.errors import FoundationError


def structures_in(source: Path, outcome: Outcome) -> Iterator[Structure]:
    """Every structure, with progress; files that cannot be read are passed over and noted in `outcome`.

    Shards are the fast way: eight files took 1.8 s, their shards 0.04 s.

    Raises:
        FoundationError: there is no such directory, or nothing that can be read in it.
    """
    if not source.exists():
        raise FoundationError(f"{source}: there is no such directory. Give one of PDB or mmCIF files, or of shards.")
    samples: Iterator[Sample] = (
        iter(RecordShards(source)) if (source / NAME).is_file() else samples_of(gather([source]), outcome)
    )
    found = 0
    for sample in samples:
        for record in sample.values():
            if isinstance(record, Structure):
                found += 1
                yield record
    if not found:
        reason = outcome.failures[0][1] if outcome.failures else "Give a directory of PDB or mmCIF files."
        raise FoundationError(f"{source}: has no structure that can be read. {reason}")
