"""The `genes proteins` verb: structures, FASTA and UniProt text become record shards, one row for each protein."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from foundation.data.biology.genes.entries import written_rows
from foundation.data.biology.genes.layout import PROTEIN
from foundation.data.biology.residues import molecule_places, surface_of_chain, tracks_of_chain
from foundation.data.biology.sequence import Sequence as Letters
from foundation.data.biology.structure import Chain, Structure
from foundation.data.formats.source import FormatError
from foundation.data.formats.structure import read_structure
from foundation.data.ingest import Outcome, gather, unique_key, write_failures
from foundation.data.records import Record, Sample
from foundation.data.shards import write_records
from foundation.errors import FoundationError
from foundation.progress import track

LEAST = 10  # residues; shorter peptides have no fold
SHOWN = 10  # problems that are printed


def proteins(
    files: list[Path], *, out: Path, predicted: bool = False, surface: bool = False, least: int = LEAST,
    strict: bool = False,
) -> None:  # fmt: skip
    """Read proteins into record shards, one row for each, as `genes ingest` makes them beside a genome.

    A protein chain of a structure is a row, with the letters of the whole molecule (aa_seq) and, of each residue that
    is there, the accessible area (sasa) and the state (dssp) among all chains of the file, and its backbone
    (prot_struct). Each entry of FASTA and of UniProt text is one, the latter with words about what it does
    (funcprot_caption) and its lineage (gene_family_txt). Files that cannot be read, or have no protein, are left out,
    with reasons in OUT/failures.csv.

    Example:
        foundation genes proteins structures/ 1abc.cif.gz --out data/proteins
        foundation genes proteins uniprot_sprot.dat.gz --out data/swissprot

    Args:
        files: PDB, mmCIF, FASTA or UniProt text files, directories of them, or patterns.
        out: directory of the shards; a data set there is replaced when the new one is complete.
        predicted: B factors are confidences from 0 to 100, kept as plddt.
        surface: rows of chains also have shape, charge, hydropathy and hydrogen bonds of the surface at each residue.
        least: residues of the shortest protein; of a chain those with a whole backbone.
        strict: stop at the first bad file and write nothing.

    Raises:
        FoundationError: no file has a protein, or a bad file and `strict`.
    """
    paths, outcome = gather(files), Outcome()
    samples = rows(paths, predicted, least, strict, outcome, surface)
    first = next(samples, None)
    if first is None:
        why = outcome.failures[0][1] if outcome.failures else "No chain is long enough."
        raise FoundationError(f"none of {len(paths)} files gave a row, so nothing was written. {why}")
    write_records(chain([first], samples), out)
    for remark in outcome.remarks[:SHOWN]:
        print(f"note  {remark}")
    for _, reason in outcome.failures[:SHOWN]:
        print(f"left out  {reason}")
    if outcome.failures:
        write_failures(outcome, out / "failures.csv")
    print(f"{out}: {outcome.samples} rows of {len(paths)} files, {len(outcome.failures)} of which gave none")


def rows(
    paths: Sequence[Path], predicted: bool, least: int, strict: bool, outcome: Outcome, surface: bool = False
) -> Iterator[Sample]:
    """The rows of all files, with keys made unique; what gives none is noted in `outcome`."""
    seen: set[str] = set()
    for path in track(paths, "reading proteins", len(paths)):
        outcome.files += 1
        try:
            written = written_rows(path, least, outcome)
            found = list(rows_of(read_structure(path), predicted, least, surface)) if written is None else written
            if not found:
                raise FormatError(
                    f"{path}: has no protein of {least} residues or more, of structures with N, CA and C."
                )
        except FormatError as error:
            if strict:
                raise
            outcome.failures.append((path, str(error)))
            continue
        outcome.samples += len(found)
        yield from (replace(row, key=unique_key(row.key, seen)) for row in found)


def rows_of(structure: Structure, predicted: bool, least: int, surface: bool = False) -> Iterator[Sample]:
    """A row for each protein chain that is long enough."""
    chains = [c for c in structure.polymers if c.kind == "protein"]
    whole = structure.backbone[1]
    for one in chains:
        if whole[one.start : one.end].sum() >= least:
            key = structure.name if len(chains) == 1 else f"{structure.name}_{one.label}"
            tracks: dict[str, Record] = {**tracks_of_chain(structure, one, predicted)}
            tracks |= surface_of_chain(structure, one) if surface else {}
            letters = Letters(letters_of(structure, one), "protein", key)
            yield Sample(key, {PROTEIN: letters, **tracks}, {"gene": structure.name}, {"chain": one.author})


def letters_of(structure: Structure, one: Chain) -> str:
    """Of the whole molecule, if the file tells it; else of the residues that are there."""
    whole = molecule_places(structure, one)[1]
    return one.expected if one.expected and whole == len(one.expected) else structure.letters[one.start : one.end]
