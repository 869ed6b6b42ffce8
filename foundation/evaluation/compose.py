"""compose: an evaluation as a report, section by section."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from foundation.evaluation.added import Added, added_table
from foundation.evaluation.figures.embedding import embedding_map
from foundation.evaluation.figures.scores import learning_curves, read_curves, score_panel, training_curves
from foundation.evaluation.metrics import metric
from foundation.evaluation.pictures import reconstructions, task_pictures
from foundation.evaluation.report import Picture, Report, Section, Table, Text
from foundation.evaluation.results import TaskResult
from foundation.evaluation.suite import MAIN, Answered, Suite
from foundation.evaluation.tasks import Task
from foundation.evaluation.words import overview, score_table, story

EXPLAINED = (
    "The encoder is frozen: small probes learn each task from its features, from the records themselves (raw input) "
    "and from the features of the same network with random weights (random encoder), on the same objects. A * marks "
    "the probe that the validation objects chose for its kind of features; the best value of a column is shaded. "
    "Brackets are 68 % bootstrap intervals over the test objects. “Better” means better in at least 95 % of resamples."
)
DIRECTIONS = {"high": "larger is better", "low": "smaller is better", "zero": "nearer to 0 is better"}
LABELS_ON_MAP = ("class", "z", "snr", "survey")


def compose(
    suite: Suite,
    answered: Sequence[Answered],
    results: Sequence[TaskResult],
    about: Mapping[str, dict],
    runs: Sequence[Path],
    gains: Sequence[Added] = (),
) -> Report:
    """The whole report."""
    sections = [
        Section("What was found", [Text(story(results)), overview(results), Text(EXPLAINED, faint=True)]),
        *([Section("What more inputs tell", [added_table(gains)])] if gains else []),
        *_section("Training", _training(runs)),
        *_section("What the tokenizers keep", reconstructions(suite.model, suite.sets[MAIN])),
        *(task_section(a, r) for a, r in zip(answered, results, strict=True)),
        *_section("Maps of the embedding", _maps(suite)),
        Section("How to get this again", [Text("\n\n".join(f"{k}: {_flat(v)}" for k, v in about.items()), faint=True)]),
    ]
    model, environment = about["model"], about["environment"]
    took = f"{environment['wall_seconds']:.0f} s on {environment['processors']} processors"
    subtitle = f"weights {model['weights']} · foundation {environment['foundation']} · {took}"
    return Report("Evaluation of a frozen encoder", sections, subtitle)


def _flat(values: Mapping[str, object]) -> str:
    return ", ".join(f"{k} {v}" for k, v in values.items())


def _section(title: str, pictures: Iterable[Picture]) -> list[Section]:
    """One section, or none if there is no picture for it."""
    shown = list(pictures)
    return [Section(title, shown)] if shown else []


def _training(runs: Sequence[Path]) -> Iterator[Picture]:
    found = [path for run in runs for path in sorted(Path(run).rglob("metrics.csv"))]
    curves = {name: series for name, path in _names(found).items() if (series := read_curves(path))}
    if curves:
        yield Picture("training", training_curves(curves), "Losses of the training runs against the optimiser's step.")


def _names(paths: Sequence[Path]) -> dict[str, Path]:
    """The last directories of the paths, as many as it takes to tell them apart."""
    for depth in range(1, 8):
        names = {"/".join(p.parts[-1 - depth : -1]): p for p in paths}
        if len(names) == len(paths):
            return names
    return {str(p): p for p in paths}


def task_section(answered: Answered, result: TaskResult) -> Section:
    """The table of a task and its pictures."""
    task, name = answered.task, result.task.scored[0]
    rows = [(r.source, r.probe, r.scores[name]) for r in result.rows]
    panel = score_panel(metric(name).title, rows, DIRECTIONS[metric(name).better])
    about = f"{task.kind} on {result.tested} test objects, split {result.split}."
    blocks = [
        Text(about, faint=True),
        score_table(result),
        *published_table(task),
        Picture(f"{task.name}_scores", panel, f"{metric(name).title} of every probe with 68 % intervals."),
        *few_objects(result),
        *task_pictures(answered),
    ]
    return Section(task.title[0].upper() + task.title[1:], blocks)


def published_table(task: Task) -> Iterator[Text | Table]:
    """What others report, beside which ours stands."""
    if task.published:
        yield Text("Published, on other objects and splits, so only roughly comparable:", faint=True)
        title = metric(task.scored[0]).title
        yield Table(["model", title], [[model, f"{value:g}"] for model, value in task.published.items()])


def few_objects(result: TaskResult) -> Iterator[Picture]:
    """The learning curve of each source of features."""
    if result.few:
        title = metric(result.task.scored[0]).title
        curves = {row.source: [] for row in result.few}
        for row in (*result.few, *(r for r in result.rows if r.chosen)):
            curves[row.source].append((row.trained, row.scores[result.task.scored[0]]))
        caption = "By the probes chosen with all training objects, against how many there are."
        yield Picture(f"{result.task.name}_few", learning_curves(title, curves), caption)


def _maps(suite: Suite) -> Iterator[Picture]:
    """A map of the features for each different set of inputs of the probe tasks; no label places the points."""
    observations = suite.sets[MAIN]
    labels = {n: observations.labels[n] for n in LABELS_ON_MAP if n in observations.labels}
    inputs = dict.fromkeys(t.inputs for t in suite.tasks if t.kind in ("regression", "classification"))
    for number, given in enumerate(inputs if labels else ()):
        index = observations.having(given)
        features = np.nan_to_num(suite.extractors["encoder"](observations, given, index).pooled)
        picture = embedding_map(features, {n: v[index] for n, v in labels.items()})
        caption = f"Principal components of the frozen features of {', '.join(given)}; no label placed the points."
        yield Picture(f"map_{number}", picture, caption)
