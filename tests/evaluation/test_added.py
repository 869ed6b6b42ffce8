"""What more inputs tell is compared on the same objects only, one step of inputs at a time."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from foundation.evaluation.added import added_table, as_rows, what_was_added
from foundation.evaluation.observations import Observations
from foundation.evaluation.outcome import Outcome
from foundation.evaluation.split import Parts
from foundation.evaluation.suite import Answered
from foundation.evaluation.tasks import Task

N = 400
TRUE = np.random.default_rng(0).normal(size=N)
ERROR = np.random.default_rng(1).normal(size=N)


NOTHING = Observations("none", Path("."), "", (), (), np.empty((0, 2)), {}, (), frozenset(), {})


def answered(name, inputs, error, test=None, **changes):
    """A task whose encoder is off by so much, and whose raw input is always off by 1; a worse probe beside them."""
    task = replace(Task(name, "regression", inputs, "z", metrics=("r2",)), **changes)
    test = np.arange(N) if test is None else test

    def outcome(source, probe, merit, scale):
        return Outcome(source, probe, merit, test, TRUE, (TRUE + scale * ERROR)[None], 100)

    outcomes = [
        outcome("encoder", "linear", 0.1, 3.0),
        outcome("encoder", "mlp", 0.5, error),
        outcome("raw input", "knn", 0.2, 1.0),
    ]
    return Answered(task, outcomes, NOTHING, Parts(test, test, test), ())


def test_each_step_of_inputs_once_for_each_source():
    steps = [answered("a", ("image",), 0.9), answered("c", ("image", "flux_g", "spectrum"), 0.1)]
    steps.insert(1, answered("b", ("image", "flux_g"), 0.5))
    gains = what_was_added(steps)
    assert [(g.few.name, g.more.name, g.source) for g in gains] == [
        (a, b, s) for a, b in (("a", "b"), ("b", "c")) for s in ("encoder", "raw input")
    ]
    spread = np.var(TRUE)
    assert gains[0].before.value == pytest.approx(1 - 0.81 * np.mean(ERROR**2) / spread)
    assert gains[0].after.value == pytest.approx(1 - 0.25 * np.mean(ERROR**2) / spread)
    assert gains[0].difference.probability == 1.0 and gains[1].difference.gain == 0.0
    verdicts = [row[-1] for row in added_table(gains).rows]
    assert verdicts == ["better", "no clear difference"] * 2
    assert [row["more"] for row in as_rows(gains)] == ["b", "b", "c", "c"]


@pytest.mark.parametrize(
    "changes",
    [
        {"target": "mass"}, {"where": {"class": ("QSO",)}}, {"metrics": ("sigma_mad",)}, {"transform": "log1p"},
        {"test": np.arange(N) + 1},
    ],
)  # fmt: skip
def test_other_questions_and_other_objects_are_not_compared(changes):
    assert what_was_added([answered("a", ("image",), 0.9), answered("b", ("image", "flux_g"), 0.5)])
    assert not what_was_added([answered("a", ("image",), 0.9), answered("b", ("image", "flux_g"), 0.5, **changes)])


def test_inputs_that_replace_others_add_nothing():
    assert not what_was_added([answered("a", ("image",), 0.9), answered("b", ("flux_g", "spectrum"), 0.5)])
