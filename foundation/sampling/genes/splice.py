"""The `genes splice` verb: where transcripts are spliced, from letters, known ends and what else there is."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import cast

import numpy as np
from jaxtyping import Float64

from foundation.data.biology.genes.account import Account
from foundation.data.biology.genes.exons import exons_of, likeliest
from foundation.data.biology.genes.layout import ACCEPTOR, DONOR, END, ENDS, LETTERS, MARKS, START
from foundation.data.biology.genes.rows import RowLimits
from foundation.data.biology.track import Track
from foundation.data.records import Sample
from foundation.errors import FoundationError
from foundation.files import whole_file, write_table
from foundation.model.stored import locate
from foundation.model.tracks.pretrained import TrackModel
from foundation.sampling.genes.conditions import Condition, junction_table
from foundation.sampling.genes.source import transcripts
from foundation.sampling.genes.trained import stretches_of, tracks_model
from foundation.sampling.marginals import Stretches, in_stretches
from foundation.sampling.pathways import check_trained
from foundation.sampling.trained import trained_policy

TOGETHER = 32  # rows that are predicted at a time
COLUMNS = ("transcript", "chromosome", "position", "strand", "kind", "probability", "annotated")


def splice(
    model: str, files: list[str], *, out: Path, ends: bool = False, given: Sequence[str] = (),
    least: float = 0.1, limits: RowLimits = RowLimits(), limit: int | None = None, device: str = "cpu",  # noqa: B008
) -> None:  # fmt: skip
    """Predict splice junctions of transcripts, and the exons that follow from them.

    With --ends the annotated start and end of each transcript are shown, which tells its isoforms apart. Writes
    sites.csv, exons.gff3 with the likeliest exons of each transcript, results.json and report.html, where predictions
    stand beside the annotation.

    Example:
        foundation genes splice runs/genes/model/export genome.fa.gz genes.gff3.gz --ends --out spliced
        foundation genes splice runs/genes/model/export runs/genes/split/test --given '[phylop]' --out spliced

    Args:
        model: directory of an exported model of tracks with its tokenizers, or a hub name.
        files: directory of record shards, or genome and annotation and NAME=FILE, as `foundation genes ingest` takes.
        out: directory to write.
        ends: show where each transcript starts and ends.
        given: tracks that are shown beside the letters.
        least: sites of this probability or more are listed.
        limits: flanks and lengths of rows that are made of files.
        limit: the first so many transcripts.
        device: where the model runs.

    Raises:
        FoundationError: files that make no row with what is given, or a model that was not trained for it.
    """
    network, policy = tracks_model(model, device), trained_policy(locate(model))
    condition = Condition((LETTERS, *given), ends)
    wanted = {(name, MARKS) for name in (*condition.given, *([MARKS] if ends else []))}
    check_trained(frozenset(wanted), policy.support([s.name for s in network.spaces]))
    account = Account()
    rows = (s for s in transcripts(files, limits, account) if {*condition.given, MARKS} <= set(s))
    found = list(spliced(network, islice(rows, limit), condition, stretches_of(policy)))
    for line in account.summary() if account.problems else ():
        print(line, file=sys.stderr)
    if not found:
        raise FoundationError(f"{', '.join(files)}: no transcript has {condition.name}. Give other files or tracks.")
    write_table(out / "sites.csv", COLUMNS, _sites(found, least))
    _write_exons(out / "exons.gff3", found)
    from foundation.sampling.genes.splice_report import write_spliced  # matplotlib

    write_spliced(found, {"model": model, "files": files, "shown": condition.name, "ends": ends}, out)


@dataclass(frozen=True, eq=False)
class Spliced:
    """A transcript and what is predicted of it.

    Args:
        row: with its annotation.
        table: float64 [n, kinds], probability of each kind of mark at each place.
        exons: the likeliest, counted from the first letter of the row.
    """

    row: Sample
    table: Float64[np.ndarray, "n kinds"]
    exons: list[tuple[int, int]]

    @property
    def annotated(self) -> list[tuple[int, int]]:
        """Exons as the annotation has them."""
        return exons_of(cast(Track, self.row[MARKS]).values)

    def genomic(self, place: int) -> int:
        """Position on the chromosome, from 1, of a place of the row."""
        start, end, strand = (int(cast(int, self.row.origin[name])) for name in ("start", "end", "strand"))
        return start + place + 1 if strand > 0 else end - place


def spliced(model: TrackModel, rows: Iterable[Sample], condition: Condition, stretches: Stretches) -> Iterator[Spliced]:
    """Predictions of transcripts, in their order."""
    rows = iter(rows)
    while chunk := list(islice(rows, TOGETHER)):
        tokens = model.tokenise(chunk, [*dict.fromkeys((*condition.given, MARKS))])
        answers = in_stretches(model, [condition.junctions(t) for t in tokens], stretches)
        for row, t, answer in zip(chunk, tokens, answers, strict=True):
            table = junction_table(condition, t, answer).numpy()
            yield Spliced(row, table, likeliest(table))


def _sites(found: Sequence[Spliced], least: float) -> Iterator[tuple[object, ...]]:
    for one in found:
        marks = cast(Track, one.row[MARKS]).values
        for kind in (ACCEPTOR, DONOR, START, END):
            for place in np.flatnonzero((one.table[:, kind] >= least) | (marks == kind)).tolist():
                known = "yes" if marks[place] == kind else "no"
                yield (*_where(one, place), ENDS[kind], f"{one.table[place, kind]:.4f}", known)


def _where(one: Spliced, place: int) -> tuple[str, str, int, str]:
    origin = one.row.origin
    return one.row.key, str(origin["chromosome"]), one.genomic(place), "+" if origin["strand"] == 1 else "-"


def _write_exons(path: Path, found: Sequence[Spliced]) -> None:
    with whole_file(path) as temporary, temporary.open("w") as file:
        print("##gff-version 3", file=file)
        for one in found:
            if one.exons:
                whole = (one.exons[0][0], one.exons[-1][1])
                file.write(_feature(one, "transcript", whole, f"ID={one.row.key}"))
            for number, exon in enumerate(one.exons, 1):
                file.write(_feature(one, "exon", exon, f"Parent={one.row.key};exon_number={number}"))


def _feature(one: Spliced, kind: str, part: tuple[int, int], about: str) -> str:
    """A line of GFF3."""
    _, chromosome, first, strand = _where(one, part[0])
    low, high = sorted((first, one.genomic(part[1] - 1)))
    return "\t".join((chromosome, "foundation", kind, str(low), str(high), ".", strand, ".", about)) + "\n"
