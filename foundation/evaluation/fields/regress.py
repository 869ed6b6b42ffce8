"""regress: parameters of simulations from frozen features, with few labels and many, beside predicting the mean."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64, Int64

from foundation.errors import FoundationError
from foundation.evaluation.bootstrap import Drawn, Interval
from foundation.evaluation.fields.clips import Clips
from foundation.evaluation.fields.parameters import Parameter
from foundation.evaluation.probes import PROBES
from foundation.evaluation.problem import Features, Problem

MEAN = "mean of the labels"
FEWEST = 2  # trajectories to learn from


@dataclass(frozen=True, eq=False)
class Regression:
    """How well one probe on one source's features tells one parameter of the test trajectories.

    Args:
        source: whose features.
        probe: "linear" (ridge on the mean token), "attentive", or "".
        parameter: what was asked for.
        budget: share of the training trajectories whose labels were used.
        trained: their number.
        error: mean square error of the normalised parameter over the test windows, 1 = as bad as its mean; with the
            68 % interval over test trajectories.
        predicted: normalised, of each test trajectory the mean over its windows.
    """

    source: str
    probe: str
    parameter: Parameter
    budget: float
    trained: int
    error: Interval
    predicted: np.ndarray = field(repr=False)


def regress(
    sources: Mapping[str, Features],
    clips: Clips,
    parameters: Sequence[Parameter],
    budgets: Sequence[float],
    seed: int = 0,
) -> list[Regression]:
    """Every probe on every source, for every parameter and budget, and the mean of the labels as the last.

    Probes learn from the training trajectories of the budget, choose their settings on all validation trajectories,
    and are scored on all test trajectories: no trajectory is on two sides. Smaller budgets are part of larger ones.

    Args:
        sources: name -> features of all windows.
        clips: the windows.
        parameters: to tell.
        budgets: shares of the training trajectories, above 0 and at most 1.
        seed: of the choice of trajectories, and of the attentive probe.

    Raises:
        FoundationError: a budget outside its range, or a split without two trajectories.
    """
    if not budgets or not all(0 < budget <= 1 for budget in budgets):
        raise FoundationError(f"budgets {tuple(budgets)}. Give shares of the labels above 0 and at most 1.")
    if min(len(clips.members(split)) for split in ("train", "valid", "test")) < FEWEST:
        raise FoundationError(f"a split has fewer than {FEWEST} trajectories. Simulate more.")
    order = np.random.default_rng(seed).permutation(clips.members("train"))
    found = []
    for parameter in parameters:
        for budget in budgets:
            chosen = order[: max(FEWEST, round(budget * len(order)))]
            case = _Case(clips, parameter, budget, chosen)
            found += [case.of(*fitted) for fitted in _fitted(sources, case, seed)]
    return found


@dataclass(frozen=True, eq=False)
class _Case:
    """One parameter, learned from some trajectories."""

    clips: Clips
    parameter: Parameter
    budget: float
    chosen: Int64[np.ndarray, " n"]

    def problem(self, features: Features) -> Problem:
        """What a probe is given."""
        learned, checked, tested = (
            self.clips.windows(some) for some in (self.chosen, self.clips.members("valid"), self.clips.members("test"))
        )
        return Problem(features, self.labels, learned, checked, features, tested)

    @property
    def labels(self) -> Float64[np.ndarray, " windows"]:
        """The normalised parameter of every window."""
        return self.parameter.normalised(self.clips.scalars).repeat(self.clips.each)

    def of(self, source: str, probe: str, predicted: Float64[np.ndarray, " tested"]) -> Regression:
        """The score of predictions for the test windows."""
        tested = self.labels[self.clips.windows(self.clips.members("test"))]
        errors = ((predicted - tested) ** 2).reshape(-1, self.clips.each).mean(1)
        drawn = Drawn.of(_mean_of(errors), len(errors))
        each = predicted.reshape(-1, self.clips.each).mean(1)
        return Regression(source, probe, self.parameter, self.budget, len(self.chosen), drawn.interval, each)


def _fitted(sources: Mapping[str, Features], case: _Case, seed: int) -> Iterator[tuple[str, str, np.ndarray]]:
    """Source, probe and answers for the test windows."""
    for name, features in sources.items():
        problem = case.problem(features)
        has_tokens = features.count is not None and int(features.count.max()) > 1
        for probe in ("linear", "attentive") if has_tokens else ("linear",):
            yield name, probe, PROBES[probe](problem, seed).test
    tested = case.clips.windows(case.clips.members("test"))
    yield MEAN, "", np.full(len(tested), case.labels[case.clips.windows(case.chosen)].mean())


def _mean_of(errors: Float64[np.ndarray, " n"]) -> Callable[[np.ndarray], float]:
    return lambda index: float(errors[index].mean())
