"""pictures: which pictures show what happened in a task, in the embedding and in the tokenizers."""

from collections.abc import Callable, Iterator

import numpy as np

from foundation.data.records import Image, Scalar, Spectrum
from foundation.evaluation.figures.classification import confusion_matrices
from foundation.evaluation.figures.posterior import calibration, posterior_examples
from foundation.evaluation.figures.regression import predicted_and_true, residual_against
from foundation.evaluation.metrics import band, confusion, off_uniform, pit
from foundation.evaluation.observations import Observations
from foundation.evaluation.outcome import Outcome, decided, standing
from foundation.evaluation.report import Picture
from foundation.evaluation.suite import Answered
from foundation.figures.objects import gallery, image_reconstructions, spectrum_reconstructions
from foundation.model.pretrained import FoundationModel
from foundation.tokenizers.cutout import side_by_side

EXAMPLES = 3  # objects in a picture of reconstructions
REDSHIFTS = ("z", "redshift")  # targets whose residuals are divided by 1 + true


def task_pictures(answered: Answered) -> Iterator[Picture]:
    """The pictures of a task of any kind."""
    yield from _KINDS[answered.task.kind](answered)


def _standing(answered: Answered) -> dict[str, Outcome]:
    """The outcome that stands for each source of features, titled."""
    return {f"{s} · {o.probe}": o for s, o in standing(answered.outcomes).items()}


def _regression(answered: Answered) -> Iterator[Picture]:
    standing = _standing(answered)
    predicted = {s: o.predicted.mean(0) for s, o in standing.items()}
    first = next(iter(standing.values()))
    task, redshift = answered.task, answered.task.target in REDSHIFTS
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


def _classification(answered: Answered) -> Iterator[Picture]:
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


def _retrieval(answered: Answered) -> Iterator[Picture]:
    encoder = standing(answered.outcomes)["encoder"]
    task, observations = answered.task, answered.observations
    asked, found = (
        [m for m in names if m not in observations.scalars] for names in (task.inputs, task.gallery or task.inputs)
    )
    if not asked or not found or not len(encoder.neighbours):
        return
    rows, titles = [], []
    for query, neighbours in zip(encoder.test.tolist(), encoder.neighbours.tolist(), strict=False):
        first, *others = observations.at([query, *neighbours])
        rows.append([first[asked[0]], *(s[found[0]] for s in others)])
        names = [("✓ " if i == query else "") + _title(observations, i) for i in neighbours]
        titles.append([f"query {_title(observations, query)}", *names])
    caption = "Test objects (left) and their neighbours in the frozen features, nearest first."
    yield Picture(f"{task.name}_gallery", gallery(rows, titles), caption)


def _title(observations: Observations, index: int) -> str:
    kind, z = (observations.labels.get(name) for name in ("class", "z"))
    parts = [str(kind[index])] if kind is not None else []
    if z is not None and np.isfinite(z[index]):
        parts.append(f"z {round(float(z[index]), 2) + 0.0:.2f}")  # no -0.00
    return " ".join(parts)


def _completion(answered: Answered) -> Iterator[Picture]:
    if answered.completed is None:
        return
    done, prior = answered.completed
    name, first = answered.task.name, list(range(min(8, len(done.nll))))
    titles = [_title(answered.observations, i) for i in answered.outcomes[0].test[first].tolist()]
    true = [float(done.values[done.code[i]]) for i in first]
    picture = posterior_examples(
        answered.task.target, done.values, done.probability[first], prior.probability[0], true, titles
    )
    yield Picture(
        f"{name}_examples",
        picture,
        "What the model believes, given the inputs, beside the marginal of the training objects.",
    )
    where = pit(done.probability, done.code)
    off, most = off_uniform(where), band(len(where))
    yield Picture(
        f"{name}_calibration",
        calibration(where),
        f"Where the true value lies in the predicted distribution: flat if it can be believed. Its distance from "
        f"uniform is {off:.3f}, {'inside' if off <= most else 'beyond'} the 95 % band of {most:.3f}.",
    )


_KINDS: dict[str, Callable[[Answered], Iterator[Picture]]] = {
    "regression": _regression,
    "classification": _classification,
    "retrieval": _retrieval,
    "completion": _completion,
    "segmentation": lambda _: iter(()),
}


def reconstructions(model: FoundationModel, observations: Observations) -> Iterator[Picture]:
    """Tokenizers: original, reconstruction and residual of the first objects of each image and spectrum modality."""
    if model.tokenizers is None:
        return
    for space in model.spaces:
        index = observations.having([space.name])[:EXAMPLES].tolist()
        samples = observations.at(index)
        if not samples or isinstance(samples[0][space.name], Scalar):
            continue
        tokens = model.tokenise(samples, [space.name])
        pairs = [(s[space.name], model.tokenizers.decode(t)[space.name]) for s, t in zip(samples, tokens, strict=True)]
        pairs = [side_by_side(a, b) if isinstance(a, Image) and isinstance(b, Image) else (a, b) for a, b in pairs]
        draw = {Image: image_reconstructions, Spectrum: spectrum_reconstructions}[type(pairs[0][0])]
        names = [_title(observations, i) for i in index]
        caption = f"{space.name}: {len(tokens[0])} tokens of {space.size} codes stand for each object."
        yield Picture(f"reconstruction_{space.name}", draw(pairs, names), caption)
