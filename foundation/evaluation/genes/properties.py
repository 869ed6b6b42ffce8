"""The `genes properties` verb: what frozen embeddings tell of properties that a user has measured."""

import csv
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from foundation.data.biology.genes.layout import gene_of
from foundation.data.records import Sample
from foundation.data.shards import RecordShards
from foundation.errors import FoundationError
from foundation.evaluation.bootstrap import Drawn
from foundation.evaluation.genes.compared import Compared, compared
from foundation.evaluation.genes.described import of_model, of_words
from foundation.evaluation.genes.split import groups, parts, read_clusters
from foundation.evaluation.metrics import balanced_accuracy, macro_f1, r2, spearman
from foundation.evaluation.probes import linear
from foundation.evaluation.problem import Features, Problem
from foundation.evaluation.tasks import Split
from foundation.model.tracks.pretrained import TrackModel
from foundation.sampling.genes.trained import tracks_model
from foundation.seeded import seeded

FEWEST = 4  # rows of each part
ENCODER, RANDOM, WORDS = "frozen encoder", "random weights", "words of letters"
Statistics = Mapping[str, Callable[[np.ndarray, np.ndarray], float]]


def properties(
    model: str, data: Path, *, labels: Path, out: Path, modalities: Sequence[str] = (), clusters: Sequence[Path] = (),
    split: Split = Split(), seed: int = 0, device: str = "cpu",  # noqa: B008  frozen
) -> None:  # fmt: skip
    """Probe frozen embeddings for properties of transcripts, genes or proteins.

    A transcript is described by the registers of the encoder and the mean of its rows. Numbers are told by ridge
    regression, classes by logistic regression, their penalty chosen on a validation part; relatives never stand on two
    sides. Beside the encoder stand one of random weights and how frequent words of letters are. Intervals of 68 % are
    over draws of groups. Writes results.json and report.html. After the protocol of mRNABench and PFMBench.

    Example:
        foundation genes properties runs/genes/model/export runs/genes/all --labels half_life.csv --out runs/genes/told

    Args:
        model: directory of an exported model of tracks with its tokenizers, or a hub name.
        data: record shards, as `foundation genes ingest` writes.
        labels: CSV file with a heading: names of transcripts or genes, then one property a column; empty = not known.
        out: directory to write.
        modalities: what the encoder is shown; empty = all that a row has.
        clusters: files of relatives, as `foundation genes split` takes.
        split: shares of the groups that choose settings and that are tested on.
        seed: of the random weights.
        device: where the model runs.

    Raises:
        FoundationError: labels that name no row, or too few rows.
    """
    network, told = tracks_model(model, device), read_labels(labels)
    rows = [s for s in RecordShards(data) if _names(s) & set(told)]
    if not rows:
        raise FoundationError(f"{labels}: names none of the rows of {data}. Give names of transcripts or genes.")
    names = [(s.key, gene_of(s)) for s in rows]
    links = [link for path in clusters for link in read_clusters(path, {n for pair in names for n in pair})]
    sides = Sides(groups(names, links), split)
    described = _described(network, rows, modalities, seed)
    tables = [told[next(iter(_names(s) & set(told)))] for s in rows]
    found = {}
    for name in dict.fromkeys(column for table in tables for column in table):
        found[name] = told_by(described, [table.get(name, "") for table in tables], sides, name)
    from foundation.evaluation.genes.report import write_study  # matplotlib

    for name, ways in found.items():
        first = next(iter(ways[0].scores))
        print(f"{name}: " + ", ".join(f"{w.name} {w.scores[first].value:.3f}" for w in ways), file=sys.stderr)
    settings = {"model": model, "data": str(data), "labels": str(labels), "rows": len(rows)}
    write_study(found, {**settings, "modalities": list(modalities), "seed": seed}, out)


def read_labels(path: Path) -> dict[str, dict[str, str]]:
    """By name the properties that are known.

    Raises:
        FoundationError: no column of properties, or a name twice.
    """
    with path.open(newline="") as file:
        table = csv.DictReader(file)
        columns = table.fieldnames or []
        if len(columns) < 2:
            raise FoundationError(f"{path}: has the columns {columns}. Give names, then one property a column.")
        found: dict[str, dict[str, str]] = {}
        for row in table:
            if row[columns[0]] in found:
                raise FoundationError(f"{path}, line {table.line_num}: {row[columns[0]]} is named twice. Keep one.")
            found[row[columns[0]]] = {c: row[c].strip() for c in columns[1:] if row[c] and row[c].strip()}
    return found


@dataclass(frozen=True)
class Sides:
    """Which group each row is of, and how groups are dealt to training, validation and test."""

    group: list[str]
    split: Split


def told_by(described: Mapping[str, np.ndarray], values: Sequence[str], sides: Sides, name: str) -> list[Compared]:
    """All descriptions on one property; the frequency of words is the reference.

    Raises:
        FoundationError: too few rows of a part know the property, or one class only.
    """
    known = np.flatnonzero([bool(v) for v in values]).tolist()
    group = [sides.group[i] for i in known]
    part = parts(group, sides.split)
    members = [np.flatnonzero(part == number) for number in range(3)]  # train, validation, test
    target, classes = _target([values[i] for i in known])
    if min(map(len, members)) < FEWEST or classes == 1:
        raise FoundationError(
            f"{name}: {', '.join(map(str, map(len, members)))} rows to learn from, to choose by and to test on, "
            f"{FEWEST} at least are wanted, and two classes. Give more labels, or another split."
        )
    ways = {}
    for source, vectors in described.items():
        features = Features(vectors[known])
        answers = linear(Problem(features, target, members[0], members[1], features, members[2], classes), 0)
        predicted = answers.test.argmax(1) if classes else answers.test
        ways[source] = _drawn(predicted, target[members[2]], [group[i] for i in members[2]], classes)
    return compared(ways, WORDS)


def _described(
    model: TrackModel, rows: Sequence[Sample], modalities: Sequence[str], seed: int
) -> dict[str, np.ndarray]:
    tokens = model.tokenise(rows, modalities or None)
    with seeded(seed):
        other = TrackModel(model.config, model.spaces).to(next(model.parameters()).device)
    return {ENCODER: of_model(model, tokens), RANDOM: of_model(other, tokens), WORDS: of_words(rows)}


def _target(values: Sequence[str]) -> tuple[np.ndarray, int]:
    """Numbers, and 0; or classes, and how many; two different numbers are classes too."""
    try:
        numbers = np.array([float(v) for v in values])
        if len(np.unique(numbers)) > 2 and np.isfinite(numbers).all():
            return numbers, 0
    except ValueError:
        pass
    names, codes = np.unique(np.array(values), return_inverse=True)
    return codes.astype(np.int64), len(names)


def _drawn(predicted: np.ndarray, true: np.ndarray, group: Sequence[str], classes: int) -> dict[str, Drawn]:
    """Statistics with draws of groups."""
    of_group: dict[str, list[int]] = {}
    for i, name in enumerate(group):
        of_group.setdefault(name, []).append(i)
    each = list(of_group.values())
    statistics: Statistics = (
        {"f1": macro_f1, "balanced": balanced_accuracy} if classes else {"r2": r2, "rank": spearman}
    )

    def of(statistic: Callable[[np.ndarray, np.ndarray], float], index: np.ndarray) -> float:
        rows = np.concatenate([each[i] for i in index])
        return statistic(predicted[rows], true[rows])

    return {name: Drawn.of(lambda index, s=s: of(s, index), len(each)) for name, s in statistics.items()}


def _names(row: Sample) -> set[str]:
    return {row.key, gene_of(row)}
