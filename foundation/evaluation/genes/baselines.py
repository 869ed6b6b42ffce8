"""The `genes baselines` verb: how well simple models find splice sites on genes they were not fitted to."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from foundation.data.biology.genes.layout import MARKS, gene_of
from foundation.data.biology.sequence import Sequence as Letters
from foundation.data.biology.track import Track
from foundation.data.records import Sample
from foundation.data.shards import RecordShards
from foundation.errors import FoundationError
from foundation.evaluation.genes.matrices import AROUND, SiteMatrix
from foundation.evaluation.genes.sites import SiteScores, sites_of
from foundation.evaluation.genes.words import WordModel
from foundation.evaluation.split import uniform
from foundation.files import whole_file

MODELS: dict[str, Callable[[Sequence[str], Sequence[Bool[np.ndarray, "_"]], str], Any]] = {
    "weight matrix": lambda letters, sites, kind: SiteMatrix.fit(letters, sites, kind),
    "matrix of neighbours": lambda letters, sites, kind: SiteMatrix.fit(letters, sites, kind, order=1),
    "words and letters": lambda letters, sites, kind: WordModel.fit(letters, sites, kind),
}
STATISTICS = ("average_precision", "top")


def baselines(data: Path, *, out: Path, held_out: float = 0.2, seed: int = 0) -> None:
    """Fit simple models of splice sites to most genes and measure them on the others.

    Writes a table as JSON: for acceptors and donors and each model, the area under precision over recall and the share
    of sites among as many best-scored places (top-k), with 68 % intervals from drawing transcripts again.

    Example:
        foundation genes baselines data/genes --out runs/genes/baselines.json

    Args:
        data: directory of record shards, as `foundation genes ingest` writes.
        out: the JSON file.
        held_out: share of the genes that are measured on.
        seed: of the choice of these genes.

    Raises:
        FoundationError: no rows with junctions, or none on either side.
    """
    rows = [s for s in RecordShards(data) if MARKS in s and "rna_seq" in s]
    outside = held_out_genes(rows, held_out, seed)
    results = list(measure(rows, outside))
    with whole_file(out) as temporary:
        temporary.write_text(json.dumps({"rows": len(rows), "held_out": int(outside.sum()), "scores": results}) + "\n")
    for r in results:
        p, top = r["average_precision"], r["top"]
        print(
            f"{r['kind']:9} {r['model']:21} AUPRC {p['value']:.3f} ({p['low']:.3f} to {p['high']:.3f})  "
            f"top-k {top['value']:.3f} ({top['low']:.3f} to {top['high']:.3f})"
        )


def held_out_genes(rows: Sequence[Sample], share: float, seed: int) -> Bool[np.ndarray, "rows"]:
    """Which rows are of genes that are measured on; the transcripts of a gene stay together.

    Raises:
        FoundationError: all are, or none.
    """
    outside = uniform([gene_of(s) for s in rows], f"genes {seed}") < share
    if outside.all() or not outside.any():
        raise FoundationError(
            f"{int(outside.sum())} of {len(rows)} rows are held out. Give more genes, or another share than {share}."
        )
    return outside


def measure(rows: Sequence[Sample], outside: Bool[np.ndarray, "rows"]) -> Iterator[dict[str, Any]]:
    """Kind of site, model and statistics, a row of the table at a time."""
    inside, test = ([rows[i] for i in np.flatnonzero(part).tolist()] for part in (~outside, outside))
    for kind in AROUND:
        sites = [sites_in(s, kind) for s in test]
        for name, found in simple_scores(inside, [letters_of(s) for s in test], kind).items():
            scores = SiteScores(found, sites)
            yield {"kind": kind, "model": name} | {s: asdict(scores.drawn(s).interval) for s in STATISTICS}


def simple_scores(
    rows: Sequence[Sample], letters: Sequence[str], kind: str
) -> dict[str, list[Float64[np.ndarray, "_"]]]:
    """What each simple model, fitted to rows, makes of each place of other transcripts."""
    known, sites = [letters_of(s) for s in rows], [sites_in(s, kind) for s in rows]
    fitted = {name: fit(known, sites, kind) for name, fit in MODELS.items()}
    return {name: [model.score(text) for text in letters] for name, model in fitted.items()}


def letters_of(sample: Sample) -> str:
    """The unspliced RNA of a row.

    Raises:
        FoundationError: it is of another kind.
    """
    record = sample["rna_seq"]
    if not isinstance(record, Letters):
        raise FoundationError(f"{sample.key}: rna_seq is a {type(record).__name__}. Give rows of `genes ingest`.")
    return record.letters


def sites_in(sample: Sample, kind: str) -> Bool[np.ndarray, "n"]:
    """Where a row has sites of a kind.

    Raises:
        FoundationError: its junctions are no track.
    """
    record = sample[MARKS]
    if not isinstance(record, Track):
        raise FoundationError(f"{sample.key}: {MARKS} is a {type(record).__name__}. Give rows of `genes ingest`.")
    return sites_of(record, kind)
