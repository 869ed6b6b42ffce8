"""probing: answer a regression or classification task with a probe, on somebody's features."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from foundation.evaluation.metrics import metric
from foundation.evaluation.observations import Observations
from foundation.evaluation.outcome import Outcome, Source, decided
from foundation.evaluation.probes import PROBES
from foundation.evaluation.problem import Answers, Features, Problem
from foundation.evaluation.split import Parts, divide, uniform
from foundation.evaluation.tasks import Task


@dataclass(frozen=True, eq=False)
class Question:
    """A task on the objects that take part in it: targets, and which objects train and test.

    Args:
        train_index: indices of the taking-part objects in their record set.
        test_index: indices in the record set tested on; the same array unless the task names another set.
        target: float64 or int64 [n] of the train_index objects, transformed.
        test_target: of the test_index objects, not transformed.
        objects: name of what each object learned from shares its part with; see `Observations.together`.
        classes: names, empty in a regression.
        most: training objects to use, 0 = all; those of a smaller number are among those of a larger one.
    """

    task: Task
    train_index: np.ndarray
    test_index: np.ndarray
    target: np.ndarray
    test_target: np.ndarray
    objects: tuple[str, ...]
    classes: tuple[str, ...] = ()
    most: int = 0

    @classmethod
    def of(cls, task: Task, learned: Observations, tested: Observations) -> "Question":
        """Choose the objects of a probe task, in the set it learns from and in the set it is tested on."""
        index, other = learned.taking_part(task), tested.taking_part(task)
        values, others = learned.labels[task.target][index], tested.labels[task.target][other]
        objects = learned.together(task.split, index)
        if task.kind == "regression":
            if task.transform == "log10":
                values, others = np.log10(values), np.log10(others)
            target = np.log1p(values) if task.transform == "log1p" else values
            return cls(task, index, other, target, others, objects)
        names = tuple(np.unique(values.astype(str)).tolist())
        seen = np.isin(others.astype(str), names)  # a class without training objects cannot be answered
        code = {name: i for i, name in enumerate(names)}
        encoded = [np.array([code[str(v)] for v in part], dtype=np.int64) for part in (values, others[seen])]
        return cls(task, index, other[seen], encoded[0], encoded[1], objects, names)

    def parts(self, seed: int) -> Parts:
        """Training, validation and test objects for a probe seed; another set is all test."""
        parts = divide(self.objects, self.task.split, seed)
        if self.task.test:
            everyone = np.concatenate([parts.train, parts.test])
            parts = Parts(everyone, parts.validation, np.arange(len(self.test_index)))
        if not self.most:
            return parts
        draw = uniform([self.objects[i] for i in parts.train], f"few {seed}")
        return replace(parts, train=np.sort(parts.train[np.argsort(draw, kind="stable")[: self.most]]))

    def back(self, values: np.ndarray) -> np.ndarray:
        """Predictions in the unit of the label, never far outside of what was learned from."""
        if self.classes or self.task.transform != "log1p":
            return values
        return np.expm1(np.clip(values, self.target.min() - 1, self.target.max() + 1))


def probe(
    question: Question, source: Source, name: str, learned: Features, tested: Features, seeds: Sequence[int]
) -> Outcome:
    """Fit one probe with every seed and predict the test part.

    Args:
        learned: features of the question's train_index objects, in that order, and then of other exposures of all of
            them, as often as there are: probes learn from those too, and validation is by the objects themselves.
        tested: features of its test_index objects; the same object as `learned` unless another set is tested.
    """
    score = metric(question.task.scored[0])
    predicted, merits = [], []
    for seed in seeds:
        parts = question.parts(seed)
        answers = PROBES[name](posed(question, parts, learned, tested), seed)
        predicted.append(question.back(answers.test))
        merits.append(score.merit(_validation_score(question, answers, parts)))
    test = question.test_index[parts.test]
    true = question.test_target[parts.test]
    return Outcome(source, name, float(np.mean(merits)), test, true, np.stack(predicted), len(parts.train))


def posed(question: Question, parts: Parts, learned: Features, tested: Features) -> Problem:
    """The problem of one division of the objects; every exposure of those in the training part is learned from."""
    n = len(question.target)
    exposures = len(learned.pooled) // n
    train = (parts.train + n * np.arange(exposures)[:, None]).ravel()
    target = np.tile(question.target, exposures)
    return Problem(learned, target, train, parts.validation, tested, parts.test, len(question.classes))


def _validation_score(question: Question, answers: Answers, parts: Parts) -> float:
    predicted = decided(question.back(answers.validation)[None])[0]
    return metric(question.task.scored[0]).function(predicted, question.back(question.target[parts.validation]))
