"""compose: an evaluation as a report, section by section."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from foundation.data.records import Image, Scalar, Spectrum
from foundation.evaluation.figures.classification import confusion_matrices
from foundation.evaluation.figures.embedding import embedding_map
from foundation.evaluation.figures.objects import gallery, image_reconstructions, spectrum_reconstructions
from foundation.evaluation.figures.posterior import calibration, posterior_examples
from foundation.evaluation.figures.regression import predicted_and_true, residual_against
from foundation.evaluation.figures.scores import read_curves, score_panel, training_curves
from foundation.evaluation.metrics import confusion, metric, pit
from foundation.evaluation.observations import Observations
from foundation.evaluation.outcome import Outcome, chosen, decided
from foundation.evaluation.report import Block, Picture, Report, Section, Text
from foundation.evaluation.results import TaskResult
from foundation.evaluation.suite import MAIN, Answered, Suite
from foundation.evaluation.tasks import Task
from foundation.evaluation.words import overview, score_table, story
from foundation.model.pretrained import FoundationModel

EXPLAINED = (
    "The encoder is frozen: small probes learn each task from its features, from the records themselves (raw input) and from "
    "the features of the same network with random weights (random encoder), on the same objects. A * marks the probe that "
    "the validation objects chose for its row of features; the best value of a column is shaded. Brackets are 68 % bootstrap "
    "intervals over the test objects. “Better” means better in at least 95 % of paired resamples."
)
EXAMPLES = 3  # objects in a picture of reconstructions
NEIGHBOURS = 8
LABELS_ON_MAP = ("class", "z", "snr", "survey")


def compose(
    suite: Suite,
    answered: Sequence[Answered],
    results: Sequence[TaskResult],
    about: Mapping[str, dict],
    runs: Sequence[Path],
) -> Report:
    """The whole report."""
    sections = [
        Section("What was found", [Text(story(results)), overview(results), Text(EXPLAINED, faint=True)]),
        *_training(runs),
        *reconstructions(suite.model, suite.sets[MAIN]),
        *(task_section(suite, a, r) for a, r in zip(answered, results, strict=True)),
        *_maps(suite, [a.task for a in answered]),
        Section("How to get this again", [Text("\n\n".join(f"{k}: {_flat(v)}" for k, v in about.items()), faint=True)]),
    ]
    model, environment = about["model"], about["environment"]
    subtitle = f"weights {model['weights']} · foundation {environment['foundation']} · {environment['wall_seconds']:.0f} s on {environment['processors']} processors"
    return Report("Evaluation of a frozen encoder", sections, subtitle)


def _flat(values: Mapping[str, object]) -> str:
    return ", ".join(f"{k} {v}" for k, v in values.items())


def _training(runs: Sequence[Path]) -> Iterator[Section]:
    curves = {_run_name(path): read_curves(path) for run in runs for path in sorted(Path(run).rglob("metrics.csv"))}
    curves = {name: series for name, series in curves.items() if series}
    if curves:
        picture = Picture(
            "training", training_curves(curves), "Losses of the training runs, against the optimiser's step."
        )
        yield Section("Training", [picture])


def _run_name(path: Path) -> str:
    return path.parent.name


def task_section(suite: Suite, answered: Answered, result: TaskResult) -> Section:
    """The table of a task and its pictures."""
    task, name = answered.task, result.task.scored[0]
    direction = {"high": "larger is better", "low": "smaller is better", "zero": "nearer to 0 is better"}[
        metric(name).better
    ]
    rows = [(r.source, r.probe, r.scores[name]) for r in result.rows]
    panel = score_panel(metric(name).title, rows, direction)
    about = f"{task.kind} on {result.tested} test objects, split {result.split}."
    pictures = {
        "regression": _regression,
        "classification": _classification,
        "retrieval": _retrieval,
        "completion": _completion,
    }
    blocks = [
        Text(about, faint=True),
        score_table(result),
        Picture(f"{task.name}_scores", panel, f"{metric(name).title} of every probe with 68 % intervals."),
        *pictures[task.kind](answered),
    ]
    return Section(task.title[0].upper() + task.title[1:], blocks)


def _standing(answered: Answered) -> dict[str, Outcome]:
    sources = ("encoder", "raw input", "random encoder", "marginal")
    found = {s: chosen(answered.outcomes, s) for s in sources}
    return {f"{s} · {o.probe}": o for s, o in found.items() if o is not None}


def _is_redshift(task: Task) -> bool:
    return task.target in ("z", "redshift")


def _regression(answered: Answered) -> Iterator[Block]:
    standing = _standing(answered)
    predicted = {s: o.predicted.mean(0) for s, o in standing.items()}
    first = next(iter(standing.values()))
    task, redshift = answered.task, _is_redshift(answered.task)
    picture = predicted_and_true(task.target, first.true, predicted, redshift)
    yield Picture(f"{task.name}_predicted", picture, "Predicted against true, mean over probe seeds; residuals below.")
    snr = answered.observations.labels.get("snr")
    if snr is not None and np.isfinite(snr[first.test]).any():
        picture = residual_against("S/N per pixel", snr[first.test], first.true, predicted, redshift)
        yield Picture(
            f"{task.name}_snr",
            picture,
            "Scatter of the residuals against the spectrum's S/N, in slices of equal number.",
        )


def _classification(answered: Answered) -> Iterator[Block]:
    counts = {}
    for source, outcome in _standing(answered).items():
        mean = decided(outcome.predicted.mean(0, keepdims=True))[0]
        counts[source] = np.zeros((len(answered.classes),) * 2, dtype=int)
        found = confusion(mean, outcome.true)
        counts[source][: len(found), : len(found)] = found
    picture = confusion_matrices(answered.classes, counts)
    yield Picture(
        f"{answered.task.name}_confusion",
        picture,
        "Who is taken for whom: per cent of the true class, and numbers of objects.",
    )


def _retrieval(answered: Answered) -> Iterator[Block]:
    encoder = chosen(answered.outcomes, "encoder")
    if encoder is None or not len(encoder.neighbours):
        return
    task, observations = answered.task, answered.observations
    shown, found = (
        next(m for m in names if m not in observations.scalars) for names in (task.inputs, task.gallery or task.inputs)
    )
    queries, hits, titles = [], [], []
    for query, neighbours in zip(encoder.test, encoder.neighbours[:4], strict=False):
        queries.append(observations.sample(query)[shown])
        hits.append([observations.sample(i)[found] for i in neighbours])
        titles.append(
            [
                "query " + _title(observations, query),
                *(("✓ " if i == query else "") + _title(observations, i) for i in neighbours),
            ]
        )
    caption = "Test objects (left) and their nearest neighbours in the frozen features, nearest first, with class and redshift."
    yield Picture(f"{task.name}_gallery", gallery(queries, hits, titles), caption)


def _title(observations: Observations, index: int) -> str:
    kind, z = (observations.labels.get(name) for name in ("class", "z"))
    parts = [str(kind[index])] if kind is not None else []
    if z is not None and np.isfinite(z[index]):
        parts.append(f"z {z[index]:.2f}")
    return " ".join(parts)


def _completion(answered: Answered) -> Iterator[Block]:
    if answered.completed is None:
        return
    done, prior = answered.completed
    name, first = answered.task.name, list(range(min(8, len(done.nll))))
    titles = [_title(answered.observations, i) for i in answered.outcomes[0].test[first]]
    true = [float(done.values[done.code[i]]) for i in first]
    picture = posterior_examples(
        answered.task.target, done.values, done.probability[first], prior.probability[0], true, titles
    )
    yield Picture(
        f"{name}_examples",
        picture,
        "What the model believes, given the inputs, beside the marginal of the training objects.",
    )
    picture = calibration(pit(done.probability, done.code))
    yield Picture(
        f"{name}_calibration",
        picture,
        "Where the true value lies in the predicted distribution: flat if it can be believed.",
    )


def reconstructions(model: FoundationModel, observations: Observations) -> Iterator[Section]:
    """Tokenizers: original, reconstruction and residual of the first objects of each image and spectrum modality."""
    blocks: list[Block] = []
    for space in model.spaces if model.tokenizers else ():
        index = observations.having([space.name])[:EXAMPLES]
        samples = [observations.sample(i) for i in index]
        if not samples or isinstance(samples[0][space.name], Scalar):
            continue
        tokens = model.tokenise(samples, [space.name])
        pairs = [(s[space.name], model.tokenizers.decode(t)[space.name]) for s, t in zip(samples, tokens, strict=True)]
        draw = {Image: image_reconstructions, Spectrum: spectrum_reconstructions}[type(pairs[0][0])]
        names = [_title(observations, i) for i in index]
        caption = f"{space.name}: {len(tokens[0])} tokens of {space.size} codes stand for each object."
        blocks.append(Picture(f"reconstruction_{space.name}", draw(pairs, names), caption))
    if blocks:
        yield Section("What the tokenizers keep", blocks)


def _maps(suite: Suite, tasks: Sequence[Task]) -> Iterator[Section]:
    """A map of the features for each different set of inputs of the probe tasks, without any label used."""
    observations = suite.sets[MAIN]
    labels = {n: observations.labels[n] for n in LABELS_ON_MAP if n in observations.labels}
    blocks = []
    inputs = dict.fromkeys(t.inputs for t in tasks if t.kind in ("regression", "classification"))
    for number, given in enumerate(inputs if labels else ()):
        index = observations.having(given)
        features = np.nan_to_num(suite.extractors["encoder"](observations, given, index).pooled)
        picture = embedding_map(features, {n: v[index] for n, v in labels.items()})
        blocks.append(
            Picture(
                f"map_{number}",
                picture,
                f"Principal components of the frozen features of {', '.join(given)}; no label was used to place the points.",
            )
        )
    if blocks:
        yield Section("Maps of the embedding", blocks)
