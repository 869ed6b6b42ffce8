"""words: what an evaluation found, in plain sentences and in a table."""

from collections.abc import Sequence

from foundation.evaluation.bootstrap import Difference, Interval
from foundation.evaluation.metrics import metric
from foundation.evaluation.outcome import SOURCES
from foundation.evaluation.report import Table
from foundation.evaluation.results import Comparison, Row, TaskResult

SURE = 0.95  # fraction of resamples that makes "better" of "no clear difference"
MARKS = {
    "regression": "probe",
    "classification": "probe",
    "retrieval": "ranking",
    "completion": "head",
    "segmentation": "head",
}


def verdict(comparison: Comparison) -> str:
    """ "better than", "worse than" or "not clearly different from" the baseline."""
    return verdict_of(comparison.difference)


def verdict_of(difference: Difference) -> str:
    """The same of a difference."""
    p = difference.probability
    return "better than" if p >= SURE else "worse than" if p <= 1 - SURE else "not clearly different from"


def sentence(result: TaskResult) -> str:
    """How the encoder did on a task, by its first metric, against each baseline."""
    name = result.task.scored[0]
    ours = next(r for r in result.rows if r.source == "encoder" and r.chosen)
    said = [_against(c, result.rows) for c in result.comparisons if c.metric == name]
    where = f"{result.tested} test objects" + (f" of {result.on}" if result.task.test else "")
    begin = f"{result.task.title}: {metric(name).title} {number(ours.scores[name])} ({ours.probe}) on {where}"
    return f"{begin}; " + ", and ".join(said) + "."


def _against(comparison: Comparison, rows: Sequence[Row]) -> str:
    row = next(r for r in rows if r.source == comparison.against and r.chosen)
    value = number(row.scores[comparison.metric], False)
    return f"{verdict(comparison)} {comparison.against} ({value}, {row.probe})"


def story(results: Sequence[TaskResult]) -> str:
    """Paragraphs: where the frozen encoder beats every baseline, where not, and each task in a sentence."""
    won = [r for r in results if all(verdict(c) == "better than" for c in _first(r))]
    lost = [r for r in results if any(verdict(c) == "worse than" for c in _first(r))]
    open_ = [r for r in results if r not in won and r not in lost]
    parts = [f"The frozen encoder beats every baseline on {len(won)} of {len(results)} tasks" + _names(won) + "."]
    if open_:
        parts.append(f"On {len(open_)} it is not clearly better than one of them{_names(open_)}.")
    if lost:
        parts.append(f"On {len(lost)} a baseline is better{_names(lost)}.")
    return "\n\n".join([" ".join(parts), *map(sentence, results)])


def _first(result: TaskResult) -> list[Comparison]:
    return [c for c in result.comparisons if c.metric == result.task.scored[0]]


def _names(results: Sequence[TaskResult]) -> str:
    return f" ({'; '.join(r.task.title for r in results)})" if results else ""


def number(score: Interval, with_interval: bool = True) -> str:
    """Value to as many digits as its interval supports, and the interval."""
    width = max(score.high - score.low, 0.0)
    digits = 3 if not width > 0 else max(2, min(5, 2 - _exponent(width)))
    value = f"{score.value:.{digits}f}"
    return f"{value} [{score.low:.{digits}f}, {score.high:.{digits}f}]" if with_interval else value


def _exponent(width: float) -> int:
    return int(f"{width:e}".split("e")[1]) + 1


def score_table(result: TaskResult) -> Table:
    """Rows of probes, columns of metrics; the best of each column is marked."""
    names = result.task.scored
    rows = [
        [r.source, r.probe + (" *" if r.chosen else ""), str(r.trained), *(number(r.scores[n]) for n in names)]
        for r in result.rows
    ]
    best = set()
    for column, name in enumerate(names):
        merits = [metric(name).merit(r.scores[name].value) for r in result.rows]
        finite = [i for i, m in enumerate(merits) if m == m]
        if finite:
            best.add((max(finite, key=lambda i: merits[i]), column + 3))
    return Table(
        ["features", MARKS[result.task.kind], "learned from", *(metric(n).title for n in names)], rows, frozenset(best)
    )


def overview(results: Sequence[TaskResult]) -> Table:
    """One line a task: the chosen probe of the encoder and of each baseline, by the first metric."""
    rows, best = [], set()
    present = {row.source for result in results for row in result.rows}
    sources = [s for s in SOURCES if s in present]
    for number_of_row, result in enumerate(results):
        name = result.task.scored[0]
        standing = {r.source: r for r in result.rows if r.chosen}
        cells = [f"{number(standing[s].scores[name])} {standing[s].probe}" if s in standing else "–" for s in sources]
        rows.append([result.task.title, str(result.tested), metric(name).title, *cells])
        first = max(standing, key=lambda s: metric(name).merit(standing[s].scores[name].value))
        best.add((number_of_row, 3 + sources.index(first)))
    return Table(["task", "N", "metric", *sources], rows, frozenset(best))
