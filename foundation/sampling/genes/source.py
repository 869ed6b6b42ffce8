"""Rows of transcripts from wherever they are: record shards, or the files of a genome that a user has."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from foundation.data.biology.genes.account import Account
from foundation.data.biology.genes.build import rows
from foundation.data.biology.genes.inputs import by_name, read_beside, read_inputs
from foundation.data.biology.genes.rows import RowLimits
from foundation.data.records import Sample
from foundation.data.shards import RecordShards


def transcripts(files: Sequence[str], limits: RowLimits, account: Account) -> Iterator[Sample]:
    """The rows of one directory of shards, or of genome and annotation files, as `genes ingest` reads them.

    Args:
        files: a directory; or FASTA and GFF3 or GTF, or GenBank, and NAME=FILE of what was measured.
        limits: of rows that are made.
        account: what becomes of transcripts that make no row.
    """
    if len(files) == 1 and Path(files[0]).is_dir():
        yield from RecordShards(files[0])
        return
    plain, named = by_name(files)
    yield from rows(read_inputs(plain, account), limits, read_beside(named), account)
