"""The `spectra evaluate` verb: what a frozen model of spectra knows, beside its baselines; numbers and a report."""

import time
from dataclasses import asdict
from pathlib import Path

from foundation.evaluation.report import write_pictures, write_report
from foundation.evaluation.results import TaskResult, environment, summarise, write_results, write_splits
from foundation.evaluation.spectra.ask import Curve, answers, efficiency
from foundation.evaluation.spectra.compose import compose, map_pictures, overlay_pictures
from foundation.evaluation.spectra.features import SpectralFeatures
from foundation.evaluation.spectra.observed import Observed, read_observed
from foundation.evaluation.spectra.predict import FAINT, Predicted, predictions
from foundation.evaluation.spectra.same import same_objects
from foundation.evaluation.spectra.scan import TemplateScan
from foundation.evaluation.spectra.study import Study
from foundation.evaluation.suite import Answered
from foundation.evaluation.words import story
from foundation.model.spectra.pretrained import SpectralModel

TESTED = "tested"  # name of the first tested set


def evaluate(
    model: Path,
    *,
    learned: Path,
    tested: Path,
    out: Path,
    study: Study = Study(same=(("spectrum_sdss", "spectrum_desi"),)),  # noqa: B008 - frozen
    real: dict[str, Path] | None = None,
    files: tuple[Path, ...] = (),
    device: str = "cpu",
) -> list[TaskResult]:
    """Ask a frozen model of spectra questions, and its baselines the same ones.

    Probes learn from one record set and are tested on another, on the same survey and across surveys. Writes
    results.json, report.html, pictures/ and splits/ into the directory `out`.

    Example:
        foundation spectra evaluate runs/spectra/export --config configs/spectra_evaluate.yaml \
            --learned runs/sky/train --tested runs/sky/check --out runs/spectra/evaluation

    Args:
        model: directory of an exported model of spectra, or a hub name.
        learned: record shards that probes learn from.
        tested: record shards of other objects.
        out: directory of the results.
        study: the questions.
        real: name -> record shards of real objects, which the same probes are also tested on, as far as they have the
            label; repeated measurements of one object in them may be predicted from each other.
        files: survey files whose spectra are drawn under what the model makes of them.
        device: where the encoder runs.

    Raises:
        FoundationError: a model, records or files that cannot be read, or a question about what they do not have.
    """
    start = time.monotonic()
    network = SpectralModel.from_pretrained(model, device)
    sets = {name: read_observed(path, name, study.modalities, network.cut) for name, path in
            {"learned": learned, TESTED: tested, **(real or {})}.items()}  # fmt: skip
    features = SpectralFeatures(network, study.bins)
    answered, curves = _asked(study, sets, features)
    results = [summarise(one) for one in answered]
    for one in answered:
        write_splits(one, out / "splits")
    found = [
        p for name, some in sets.items() if name != "learned" for p in predictions(network, study.predicted, some, name)
    ]
    about = {
        "model": {"path": model, "parameters": sum(p.numel() for p in network.parameters())},
        "data": {name: ", ".join(f"{len(one)} of {m}" for m, one in some.items()) for name, some in sets.items()},
        "study": asdict(study),
        "environment": environment(time.monotonic() - start),
    }
    maps, shown = list(map_pictures(sets[TESTED], features)), list(overlay_pictures(network, files))
    page = compose(list(zip(answered, results, strict=True)), curves, found, maps, shown, about)
    write_pictures(page, out / "pictures")
    write_report(page, out / "report.html")
    more = {"predicted": [_numbers(p) for p in found], "efficiency": [_points(c) for c in curves]}
    write_results(results, {**about, **more}, out / "results.json")
    print(f"{story(results) if results else ''}\n\nreport: {out / 'report.html'}".lstrip())
    return results


def _asked(
    study: Study, sets: dict[str, dict[str, Observed]], features: SpectralFeatures
) -> tuple[list[Answered], list[Curve]]:
    """Answers to all questions on every tested set, and curves of label efficiency on the first."""
    scan = (
        TemplateScan.of_simulation(study.templates, study.components) if study.templates and study.questions else None
    )
    worse = {first for question in study.questions if question.exposed for first, _ in question.pairs}
    exposed = {m: (one, *(study.exposures.of(one) if m in worse else ())) for m, one in sets["learned"].items()}
    answered, curves = [], []
    for question in study.questions:
        learned = exposed if question.exposed else {m: some[:1] for m, some in exposed.items()}
        for name, some in sets.items():
            if name == "learned":
                continue
            asked = question.target, question.where
            able = {m: one for m, one in some.items() if name == TESTED or one.can_be_asked(*asked)}
            made = list(answers(question, study, learned, able, name, features, scan))
            answered += made
            if name == TESTED and study.budgets:
                own = [one for one in made if one.task.test == f"{one.task.inputs[0]} of {TESTED}"]
                curves += [
                    efficiency(one, study, learned[m], some[m], features) for one in own for m in one.task.inputs
                ]
    answered += same_objects(study.same, sets["learned"], sets[TESTED], features)
    return answered, curves


def _numbers(one: Predicted) -> dict[str, object]:
    faint = {who: asdict(one.median(who, faint=True)) for who in one.chi2}
    return {
        "read": one.read, "asked": one.asked, "on": one.on,
        "objects": len(one.snr), "faint_objects": int((one.snr < FAINT).sum()),
        "chi2": {who: asdict(one.median(who)) for who in one.chi2}, "chi2_faint": faint,
    }  # fmt: skip


def _points(curve: Curve) -> dict[str, object]:
    points = {source: [{"labels": n, **asdict(i)} for n, i in some] for source, some in curve.points.items()}
    return {"task": curve.task.name, "metric": curve.metric, "points": points}
