"""outcome: what one probe on one kind of features answered to a task, and the numbers that follow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from foundation.evaluation.bootstrap import Statistic
from foundation.evaluation.metrics import metric

Source = Literal["encoder", "raw input", "random encoder", "template scan", "marginal"]
BASELINES: tuple[Source, ...] = ("raw input", "random encoder", "template scan", "marginal")
SOURCES: tuple[Source, ...] = ("encoder", *BASELINES)


@dataclass(frozen=True, eq=False)
class Outcome:
    """Answers about the n test objects of a task.

    Args:
        source: whose features: the frozen encoder's, or those of a baseline.
        probe: which predictor.
        merit: the task's first metric on the validation part, turned so that larger is better, mean over seeds; it
            chooses the probe that stands for its source.
        test: indices of the test objects in their record set.
        true: their targets [n]; empty if the task has none.
        predicted: [seeds, n] values, or [seeds, n, classes] probabilities.
        trained: objects the probe learned from.
        values: metric -> [n], for metrics that have a value for each object.
        neighbours: in a retrieval, indices [a few, 8] of what was found for the first test objects, best first.
    """

    source: Source
    probe: str
    merit: float
    test: np.ndarray
    true: np.ndarray
    predicted: np.ndarray
    trained: int
    values: Mapping[str, np.ndarray] = field(default_factory=dict)
    neighbours: np.ndarray = field(default_factory=lambda: np.empty((0, 8), dtype=int))

    def at(self, index: np.ndarray) -> "Outcome":
        """The same with its test objects, so far places in `index`, named by their indices in the record set."""
        return replace(self, test=index[self.test], neighbours=index[self.neighbours])

    def statistic(self, name: str) -> Statistic:
        """The metric called `name` as a function of the chosen test objects, mean over the seeds."""
        if name in self.values:
            return lambda index: metric(name).over(self.values[name][index])
        score, answers = metric(name).function, decided(self.predicted)
        return lambda index: float(np.mean([score(a[index], self.true[index]) for a in answers]))

    def spread(self, name: str) -> float:
        """Standard deviation of the metric over the probe seeds; 0 with one seed."""
        if name in self.values:
            return 0.0
        return float(np.std([metric(name).function(a, self.true) for a in decided(self.predicted)]))


def decided(predicted: np.ndarray) -> np.ndarray:
    """Values as they are, probabilities as the most probable class."""
    return predicted.argmax(-1) if predicted.ndim == 3 else predicted


def standing(outcomes: Sequence[Outcome]) -> dict[Source, Outcome]:
    """For each source, in the order of SOURCES, the outcome that stands for it: the one validation likes best."""
    mine: dict[Source, list[Outcome]] = {s: [o for o in outcomes if o.source == s] for s in SOURCES}
    return {s: max(found, key=lambda o: o.merit) for s, found in mine.items() if found}
