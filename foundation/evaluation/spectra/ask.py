"""ask: labels told from spectra by probes, on the survey they learned from and on another, with few labels and many."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from foundation.evaluation.bootstrap import Interval
from foundation.evaluation.metrics import metric
from foundation.evaluation.outcome import Outcome, Source, decided
from foundation.evaluation.probes import PROBES
from foundation.evaluation.probing import Question, posed, probe
from foundation.evaluation.problem import Features
from foundation.evaluation.spectra.features import SpectralFeatures
from foundation.evaluation.spectra.observed import Observed
from foundation.evaluation.spectra.scan import TemplateScan
from foundation.evaluation.spectra.study import SpectralQuestion, Study
from foundation.evaluation.split import divide
from foundation.evaluation.suite import Answered
from foundation.evaluation.tasks import Split, Task

GIVEN_BACK = 0.25  # of the learned set: a split has a test part, which `Question.parts` gives back to learn from
OPTICAL = ("spectrum_sdss", "spectrum_desi")  # where templates reach
SCANNED = {"class": "class", "z": "z"}


@dataclass(frozen=True)
class Curve:
    """A metric against the number of labels.

    Args:
        task: what was asked.
        metric: of the task.
        points: source -> (labels, mean over draws with the lowest and highest draw).
    """

    task: Task
    metric: str
    points: Mapping[Source, tuple[tuple[int, Interval], ...]]


def answers(
    question: SpectralQuestion,
    study: Study,
    learned: Mapping[str, Sequence[Observed]],
    tested: Mapping[str, Observed],
    on: str,
    features: SpectralFeatures,
    scan: TemplateScan | None,
) -> Iterator[Answered]:
    """Every pair of surveys that both sets have; spectra of the tested set belong to other objects.

    Args:
        learned: modality -> the spectra to learn from, then other exposures of the same objects.
    """
    for first, second in question.pairs:
        if first not in learned or second not in tested:
            continue
        task = question.task(first, second, on, Split(study.validation, GIVEN_BACK))
        own = learned[first][0].about
        asked = Question.of(task, own, tested[second].about)
        outcomes = []
        for source, here, there in _features(asked, learned[first], tested[second], features):
            usable = [p for p in study.probes if p != "attentive" or here.tokens is not None]
            outcomes += [probe(asked, source, name, here, there, range(study.seeds)) for name in usable]
        if scan is not None and second in OPTICAL and question.target in SCANNED:
            outcomes.append(scanned(scan, asked, tested[second]))
        keys = tuple(own.keys[i] for i in asked.train_index)
        parts = divide(asked.objects, task.split, 0)
        yield Answered(task, outcomes, tested[second].about, parts, keys, asked.classes)


def _features(
    asked: Question, learned: Sequence[Observed], tested: Observed, features: SpectralFeatures
) -> Iterator[tuple[Source, Features, Features]]:
    """Of the objects asked about: those to learn from, one exposure of all after the other, and those to test on."""
    first, *more = learned
    for source, (own, there, *others) in features.each(first, tested, *more):
        here = Features.end_to_end([one.at(asked.train_index) for one in (own, *others)])
        yield source, here, there.at(asked.test_index)


def scanned(scan: TemplateScan, asked: Question, tested: Observed) -> Outcome:
    """The answers of the template scan, which learns no label; a redshift is that of the classes asked about."""
    spectra = [tested.spectra[i] for i in asked.test_index]
    allowed = asked.classes or asked.task.where.get("class", scan.classes)
    found = [scan.best(spectrum, allowed) for spectrum in spectra]
    if asked.classes:
        predicted = np.array([[float(name == f.kind) for name in asked.classes] for f in found])
    else:
        predicted = np.array([f.z for f in found])
    index = asked.test_index
    return Outcome("template scan", "chi2", 0.0, index, asked.test_target, predicted[None], scan.sources)


def efficiency(
    answered: Answered, study: Study, learned: Sequence[Observed], tested: Observed, features: SpectralFeatures
) -> Curve:
    """The first probe of the study with few labels and many; the objects that validate are always the same."""
    task = answered.task
    asked = Question.of(task, learned[0].about, tested.about)
    budgets = sorted({min(n, len(asked.parts(0).train)) for n in study.budgets})
    points: dict[Source, tuple[tuple[int, Interval], ...]] = {}
    for source, here, there in _features(asked, learned, tested, features):
        spread = [[_with_few(asked, study, (here, there), n, seed) for seed in range(study.seeds)] for n in budgets]
        points[source] = tuple(
            (n, Interval(float(np.mean(v)), min(v), max(v))) for n, v in zip(budgets, spread, strict=True)
        )
    return Curve(task, task.scored[0], points)


def _with_few(asked: Question, study: Study, both: tuple[Features, Features], budget: int, seed: int) -> float:
    """The metric on the test objects, learned from `budget` objects that the seed draws."""
    parts = asked.parts(0)
    few = replace(parts, train=np.random.default_rng(seed).permutation(parts.train)[:budget])
    problem = posed(asked, few, *both)
    predicted = asked.back(PROBES[study.probes[0]](problem, seed).test)
    return metric(asked.task.scored[0]).function(decided(predicted[None])[0], asked.test_target)
