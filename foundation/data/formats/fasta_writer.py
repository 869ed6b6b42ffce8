"""FASTA files of designed sequences: what is known of each stands in its title; biopython writes them."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from foundation.files import whole_file

Entry = tuple[str, str, Sequence[tuple[str, str]]]  # name, letters, what is told


def write_fasta(path: Path, entries: Iterable[Entry]) -> None:
    """Write entries titled as in `>name log_likelihood=-51.2 length=40`, whole or not at all."""
    from Bio import SeqIO
    from Bio.Seq import Seq
    from Bio.SeqRecord import SeqRecord

    records = (
        SeqRecord(Seq(letters), id=name, description=" ".join(f"{k}={v}" for k, v in told))
        for name, letters, told in entries
    )
    with whole_file(path) as temporary:
        SeqIO.write(records, temporary, "fasta")
