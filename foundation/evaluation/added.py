"""added: what more modalities tell of the same objects, about the same label."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from foundation.evaluation.bootstrap import Difference, Drawn, Interval, paired
from foundation.evaluation.metrics import metric
from foundation.evaluation.outcome import SOURCES, Source, standing
from foundation.evaluation.report import Table
from foundation.evaluation.suite import Answered
from foundation.evaluation.tasks import Task
from foundation.evaluation.words import number, verdict_of


@dataclass(frozen=True)
class Added:
    """Two tasks that differ in their inputs only, on the same test objects.

    Args:
        few: the task with fewer inputs.
        more: that with more.
        source: whose features.
        metric: the first of the tasks'.
        before, after: its values with fewer and with more inputs.
        difference: how much better the second is.
    """

    few: Task
    more: Task
    source: Source
    metric: str
    before: Interval
    after: Interval
    difference: Difference


def what_was_added(answered: Sequence[Answered]) -> list[Added]:
    """Each pair of tasks with no third between them, for each source, by the probe that stands for it."""
    return [gain for a in answered for b in answered if _follows(a, b, answered) for gain in _gains(a, b)]


def _follows(a: Answered, b: Answered, everything: Sequence[Answered]) -> bool:
    between = (c for c in everything if _extends(a, c) and _extends(c, b))
    return _extends(a, b) and next(between, None) is None


def _extends(a: Answered, b: Answered) -> bool:
    """Whether b asks the same as a of the same objects, and gives more."""
    mine, other = a.task, b.task
    same = (mine.kind, mine.target, mine.where, mine.test) == (other.kind, other.target, other.where, other.test)
    same = same and mine.scored[0] == other.scored[0] and mine.transform == other.transform
    return same and set(mine.inputs) < set(other.inputs) and np.array_equal(_tested(a), _tested(b))


def _tested(answered: Answered) -> np.ndarray:
    return answered.outcomes[0].test


def _gains(a: Answered, b: Answered) -> Iterator[Added]:
    name = a.task.scored[0]
    fewer, more = standing(a.outcomes), standing(b.outcomes)
    shared: list[Source] = [s for s in SOURCES if s in fewer and s in more]
    for source in shared:
        drawn = [Drawn.of(o.statistic(name), len(o.test)) for o in (fewer[source], more[source])]
        difference = paired(drawn[1], drawn[0], metric(name).merit)
        yield Added(a.task, b.task, source, name, drawn[0].interval, drawn[1].interval, difference)


def as_rows(gains: Sequence[Added]) -> list[dict[str, Any]]:
    """For results.json: the tasks by name."""
    return [asdict(g) | {"few": g.few.name, "more": g.more.name} for g in gains]


def added_table(gains: Sequence[Added]) -> Table:
    """A line for each pair and source."""
    rows = [
        [
            f"{g.few.title}, then {g.more.title.partition(' from ')[2]}",
            g.source,
            f"{metric(g.metric).title} {number(g.before)}",
            number(g.after),
            {"better than": "better", "worse than": "worse"}.get(verdict_of(g.difference), "no clear difference"),
        ]
        for g in gains
    ]
    return Table(["question", "features", "with fewer inputs", "with more", ""], rows)
