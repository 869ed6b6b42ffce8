"""The `genes split` verb: rows to train on, to validate on and to test on, related ones always on the same side."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from foundation.data.biology.genes.layout import LETTERS, PROTEIN, gene_of
from foundation.data.biology.mmseqs import similar
from foundation.data.biology.sequence import Sequence as Letters
from foundation.data.biology.track import Track
from foundation.data.records import Sample
from foundation.data.shards import RecordShards, write_records
from foundation.errors import FoundationError
from foundation.evaluation.split import uniform
from foundation.evaluation.tasks import Split

PARTS = ("train", "validation", "test")
EXONS = "splice_regions"  # modality of a row


def split(
    data: Path, *, out: Path, held_out: float = 0.2, validation: float = 0.05, clusters: Sequence[Path] = (),
    identity: float | None = None, seed: int = 0,
) -> None:  # fmt: skip
    """Divide rows of genes into OUT/train, OUT/validation and OUT/test without relatives on two sides.

    Transcripts of a gene stay together, and so does whatever is linked through clusters: with several files, as of
    proteins at 30 % identity and of RNAs at 30 %, rows that are joined by a chain of links are one group.

    Example:
        foundation genes split data/genes --identity 0.3 --out data/split
        foundation genes split data/genes --clusters '[clusters/protein_cluster.tsv]' --out data/split

    Args:
        data: directory of record shards, as `foundation genes ingest` writes.
        out: directory of the three.
        held_out: share of the groups to test on.
        validation: share of the groups to validate on.
        clusters: files as MMseqs2 writes them, two names a line with a tab between; names of transcripts or of genes.
        identity: cluster proteins, and spliced RNAs, that share so many of their letters over 80 % of both; needs the
            program MMseqs2.
        seed: of the choice.

    Raises:
        FoundationError: a file that is no list of clusters or names no row, MMseqs2 is wanted and not installed, or
            shares that leave a part empty.
    """
    shares = Split(validation, held_out, seed)
    shards = RecordShards(data)
    names = [(s.key, gene_of(s)) for s in shards]
    links = [link for path in clusters for link in read_clusters(path, {name for pair in names for name in pair})]
    if identity is not None:
        links += alike(shards, identity)
    part = parts(groups(names, links), shares)
    for number, name in enumerate(PARTS):
        kept = np.flatnonzero(part == number)
        if not len(kept):
            raise FoundationError(f"{data}: no row of {len(names)} falls to {name}. Give more genes, or other shares.")
        write_records(_only(shards, part, number), out / name, total=len(kept))
        print(f"{out / name}: {len(kept)} rows")


def read_clusters(path: Path, known: set[str]) -> Iterator[tuple[str, str]]:
    """Links between names in a file of clusters; members that are no rows link nothing but their clusters.

    Raises:
        FoundationError: a line without two names, or no name of `known` in the whole file.
    """
    found = False
    with path.open() as file:
        for number, line in enumerate(file, 1):
            names = line.rstrip("\n").split("\t")
            if len(names) != 2 or not all(names):
                raise FoundationError(f"{path}, line {number}: {line.strip()!r} is not two names with a tab between.")
            found |= names[1] in known
            yield f"{path} {names[0]}", names[1]  # representatives of two files are different clusters
    if not found:
        raise FoundationError(f"{path}: names none of the rows. Give the names of transcripts or of genes.")


def alike(rows: Iterable[Sample], identity: float) -> list[tuple[str, str]]:
    """Links between rows whose proteins, or whose spliced RNAs, MMseqs2 puts into one cluster."""
    texts: dict[str, list[tuple[str, str]]] = {PROTEIN: [], LETTERS: []}
    for row in rows:
        for name in texts:
            if letters := _letters(row, name):
                texts[name].append((row.key, letters))
    found = []
    for name, sequences in texts.items():
        if sequences:
            print(f"{name}: clustering {len(sequences)} sequences with MMseqs2", file=sys.stderr)
            found += similar(sequences, identity)
    return found


def _letters(row: Sample, name: str) -> str:
    """Of a protein, or of an RNA without its introns where the row has exons; empty if the row has none."""
    record, exonic = row.records.get(name), row.records.get(EXONS)
    if not isinstance(record, Letters):
        return ""
    if name != LETTERS or not isinstance(exonic, Track):
        return record.letters
    return "".join(letter for letter, inside in zip(record.letters, exonic.values.tolist(), strict=True) if inside == 1)


def groups(rows: Sequence[tuple[str, str]], links: Sequence[tuple[str, str]]) -> list[str]:
    """The group of each row, by the first name in it: all that is joined through genes and links.

    Args:
        rows: name of the transcript and of its gene.
        links: pairs of names that belong together.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = [*rows, *links]
    number = {name: i for i, name in enumerate(dict.fromkeys(name for pair in pairs for name in pair))}
    ends = np.array([(number[a], number[b]) for a, b in pairs])
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(number), len(number)))
    component = connected_components(graph, directed=False)[1]
    first: dict[int, str] = {}
    for name in sorted(gene for _, gene in rows):
        first.setdefault(int(component[number[name]]), name)
    return [first[int(component[number[key]])] for key, _ in rows]


def parts(group: Sequence[str], shares: Split) -> Int64[np.ndarray, "rows"]:
    """0, 1 or 2 for each row: place in PARTS, by a hash of its group."""
    chance = uniform(group, f"genes {shares.seed}")
    return np.where(chance < shares.test, 2, np.where(chance < shares.test + shares.validation, 1, 0))


def _only(shards: RecordShards, part: Int64[np.ndarray, "rows"], number: int) -> Iterator[Sample]:
    return (sample for sample, own in zip(shards, part.tolist(), strict=True) if own == number)
