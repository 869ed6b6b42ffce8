"""results: the numbers of an evaluation, with their intervals and all that is needed to get them again, as JSON."""

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from foundation import __version__
from foundation.evaluation.bootstrap import Difference, Drawn, Interval, paired
from foundation.evaluation.metrics import metric
from foundation.evaluation.outcome import BASELINES, Outcome, standing
from foundation.evaluation.split import split_hash
from foundation.evaluation.suite import MAIN, Answered
from foundation.evaluation.tasks import Task
from foundation.files import whole_file
from foundation.processes import processors

SCHEMA = 1
LIBRARIES = ("torch", "numpy", "scikit-learn")


@dataclass(frozen=True)
class Row:
    """One line of the table: a probe on somebody's features.

    Args:
        chosen: whether validation chose this probe to stand for its source.
        trained: objects learned from.
        scores: metric -> value and 68 % interval on the test objects.
        spread: metric -> standard deviation over the probe seeds.
    """

    source: str
    probe: str
    chosen: bool
    trained: int
    scores: dict[str, Interval]
    spread: dict[str, float]


@dataclass(frozen=True)
class Comparison:
    """The encoder's chosen probe against that of a baseline, on the same test objects."""

    metric: str
    against: str
    probe: str
    other_probe: str
    difference: Difference


@dataclass(frozen=True)
class TaskResult:
    """All numbers of a task.

    Args:
        tested: number of test objects.
        on: record set of the test objects.
        split: hash of the keys in the parts of the first seed.
        few: by the chosen probes, with fewer training objects.
    """

    task: Task
    tested: int
    on: str
    split: str
    rows: tuple[Row, ...]
    comparisons: tuple[Comparison, ...]
    few: tuple[Row, ...] = ()


def summarise(answered: Answered) -> TaskResult:
    """Scores with intervals, and paired comparisons with every baseline."""
    task, outcomes = answered.task, answered.outcomes
    n = len(outcomes[0].test)
    drawn = {id(o): {name: Drawn.of(o.statistic(name), n) for name in task.scored} for o in outcomes}
    best = standing(outcomes)
    rows = tuple(_row(o, drawn[id(o)], o is best[o.source]) for o in outcomes)
    ours, others = best["encoder"], [best[s] for s in BASELINES if s in best]
    comparisons = tuple(
        Comparison(
            name, o.source, ours.probe, o.probe, paired(drawn[id(ours)][name], drawn[id(o)][name], metric(name).merit)
        )
        for o in others
        for name in task.scored
    )
    few = tuple(_row(o, {name: Drawn.of(o.statistic(name), n) for name in task.scored}, True) for o in answered.few)
    return TaskResult(task, n, task.test or MAIN, split_hash(answered.keys, answered.parts), rows, comparisons, few)


def _row(outcome: Outcome, drawn: dict[str, Drawn], is_chosen: bool) -> Row:
    scores = {name: d.interval for name, d in drawn.items()}
    spread = {name: outcome.spread(name) for name in drawn}
    return Row(outcome.source, outcome.probe, is_chosen, outcome.trained, scores, spread)


def environment(wall_seconds: float) -> dict[str, object]:
    """Versions and hardware."""
    return {
        "foundation": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
        "machine": platform.machine(),
        "processors": processors(),
        "wall_seconds": round(wall_seconds, 1),
    }


def write_results(results: list[TaskResult], about: Mapping[str, object], path: Path) -> None:
    """Write results.json: `about` (model, data, settings, environment) and the tasks; not-a-number becomes null."""
    content = {"schema": SCHEMA, **about, "tasks": [asdict(r) for r in results]}
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(_plain(content), indent=1) + "\n")


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value


def write_splits(answered: Answered, folder: Path) -> None:
    """Write the keys of each part of the first seed as `folder`/TASK.csv."""
    parts, keys = answered.parts, answered.keys
    tested = [answered.observations.keys[i] for i in answered.outcomes[0].test] if answered.task.test else []
    lists = {"train": parts.train, "validation": parts.validation, "test": parts.test}
    if answered.task.test:
        lists = {"train": np.concatenate([parts.train, parts.test]), "validation": parts.validation}
    lines = [f"{keys[i]},{part}" for part, index in lists.items() for i in index] + [f"{key},test" for key in tested]
    with whole_file(folder / f"{answered.task.name}.csv") as temporary:
        temporary.write_text("\n".join(["key,part", *lines]) + "\n")
