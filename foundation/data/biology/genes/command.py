"""The `genes ingest` verb: an annotated genome becomes record shards, one row for each transcript.

It is no part of `foundation ingest`, which reads each file by itself: a row needs the genome and its annotation, and
what was measured along it, at once.
"""

from collections.abc import Iterable
from dataclasses import asdict
from itertools import chain
from pathlib import Path

from foundation.data.biology.genes.account import PROBLEMS, Account
from foundation.data.biology.genes.build import Build
from foundation.data.biology.genes.flanks import Flanks
from foundation.data.biology.genes.inputs import by_name, read_beside, read_inputs
from foundation.data.biology.genes.rows import RowLimits


def ingest(
    files: list[str],
    *,
    out: Path,
    upstream: int = Flanks.upstream,
    downstream: int = Flanks.downstream,
    least: int = Flanks.least,
    longest: int = RowLimits.longest,
    unknown: int = RowLimits.unknown,
    unknown_share: float = RowLimits.unknown_share,
    missing_share: float = RowLimits.missing_share,
    strict: bool = False,
) -> None:
    """Read a genome and its annotation into record shards, one row for each transcript, 5' to 3'.

    A row has the unspliced RNA with flanks (rna_seq), splice junctions in five and in three classes, exons, coding
    parts and untranslated regions of each base, codons and protein, and what was measured along the genome. Files may
    be gzipped. Transcripts that make no row are left out, each with a reason in OUT/problems.csv, and counted. A job
    that was killed goes on where it stopped when the same is typed again.

    Example:
        foundation genes ingest genome.fa.gz genes.gff3.gz phylop=phylop.bedGraph atac=peaks.narrowPeak --out data/genes
        foundation genes ingest plasmid.gb --upstream 200 --downstream 200 --out data/plasmid

    Args:
        files: genome (FASTA) and annotation (GFF3 or GTF), or GenBank files with both; and NAME=FILE of what was
            measured: bedGraph or bigWig, BED of peaks, which become deciles, NAME=FORWARD,REVERSE of one for each
            strand, or FASTA with a letter for each residue; proteins=FASTA are compared with what is translated;
            NAME=FILE.tsv has words about transcripts, genes or proteins, each line a name (* = all), a tab and words;
            structures=DIR, or predicted=DIR, has PDB or mmCIF files named after transcripts or proteins, which give
            the accessible area of residues (sasa), their secondary structure (dssp), the backbone (prot_struct), and
            the confidence of predictions (plddt); surfaces=DIR, of such files, gives the shape, charge, hydropathy and
            hydrogen bonds of the surface at each residue (masif_...).
        out: directory of the shards; a data set there is replaced when the new one is complete.
        upstream: letters before each transcript, unless the next gene of the strand is nearer. LORE has 200 of
            bacteria.
        downstream: letters after it; LORE has 200 of bacteria.
        least: letters on either side however near the next gene is.
        longest: letters of the longest row.
        unknown: most letters N of a row.
        unknown_share: most of its letters that are N, as a share.
        missing_share: most places of a signal that may be missing; else the row goes without it.
        strict: stop at the first problem and write nothing.

    Raises:
        FoundationError: a file cannot be read, or nothing makes a row.
    """
    limits = RowLimits(Flanks(upstream, downstream, least), longest, unknown, unknown_share, missing_share)
    plain, named = by_name(files)
    account = Account(strict)
    inputs, beside = read_inputs(plain, account), read_beside(named)
    made_of = {"files": _stamps([*plain, *chain.from_iterable(named.values())]), "limits": asdict(limits)}
    Build(out, made_of, inputs, beside, limits).run(account)
    if account.problems:
        account.write(out / PROBLEMS)
    for line in account.summary():
        print(line)
    print(f"{out}: {account.rows} rows" + (f"; all problems are in {out / PROBLEMS}" if account.problems else ""))


def _stamps(files: Iterable[Path]) -> list[list[str | int]]:
    """Name, size and time of each file, and of those in directories."""
    every = (inner for file in files for inner in (sorted(file.iterdir()) if file.is_dir() else [file]))
    return [[str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns] for path in every]
