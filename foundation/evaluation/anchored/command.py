"""The `bench anchored` verb: ways to generate sequences with motifs of unknown place, on one budget, in one run."""

import multiprocessing
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path

import numpy as np

from foundation.errors import FoundationError
from foundation.evaluation.anchored.ceiling import pair_ceiling
from foundation.evaluation.anchored.experiment import CONTESTANTS, Budget, Contestant, Outcome, compete, perfect
from foundation.evaluation.anchored.metrics import Metrics
from foundation.evaluation.anchored.results import read_results, write_results
from foundation.evaluation.anchored.task import MOTIFS, Task, Variant

DRAWS = 20_000  # of the ceiling, for each condition
COLUMNS = (
    "order of generation", "hit", "best possible", "at 1/4, 1/2", "multi", "off-target", "length", "KS place", "passes",
    "CPU s", "in range", "unique", "novel", "loss",
)  # fmt: skip
PRINTED = 10  # columns; all are in the report


def anchored(
    *,
    out: Path,
    variant: Variant = "fixed",
    each: int = 0,
    steps: int = 1500,
    samples: int = 160,
    contestants: list[str] | None = None,
    seed: int = 0,
    workers: int = 2,
) -> None:
    """Compare ways to generate sequences with a motif at an unknown place: outwards, from left to right, in any order.

    Each trains a small model of the same size on the same budget.

    "Best possible" is computed in the same run: two letters drawn at a time, blindly of each other, can commit to
    different places of the motif; orders of one letter at a time reach 1. "CPU s" are those of training and of drawing.
    Writes results.json, report.html and contest.png; a stopped run goes on with the contestants that are missing.

    Example:
        foundation bench anchored --out runs/anchored --variant degenerate

    Args:
        out: directory to write.
        variant: "fixed" motifs of six letters, "degenerate" ones, or "bipartite" ones with a spacer of 0 to 4.
        each: training sequences of each of the eight conditions, such as 64; 0 = fresh ones in every step.
        steps: of training, each of 64 sequences.
        samples: sequences generated and measured of each way.
        contestants: some of them by the beginnings of their names; none = all.
        seed: of weights, data and samples.
        workers: processes, each of one thread.

    Raises:
        FoundationError: no such contestant, or numbers that are too small.
    """
    if steps < 4 or samples < 1 or each < 0 or workers < 1:
        raise FoundationError(
            f"steps {steps}, samples {samples}, each {each}, workers {workers}. "
            "Give at least 4 steps, 1 sample, 1 worker, and no negative number."
        )
    task, budget = Task(variant), Budget(steps, each, samples, seed)
    chosen = _chosen(contestants)
    outcomes = read_results(out / "results.json", task, budget)
    for name, outcome in _competed(task, [c for c in chosen if c.name not in outcomes], budget, workers):
        print(f"{name}: {outcome.metrics.hit:.3f} hold their motif", file=sys.stderr, flush=True)
        outcomes[name] = outcome
        write_results(out / "results.json", task, budget, outcomes)
    outcomes = {c.name: outcomes[c.name] for c in CONTESTANTS.values() if c.name in outcomes}
    ceilings = {name: _best(task, CONTESTANTS[name], seed) for name in outcomes}
    ideal = perfect(task, budget)
    _print(outcomes, ceilings, ideal, variant)
    _write(out, task, budget, outcomes, ceilings, ideal)
    print(f"report: {out / 'report.html'}", file=sys.stderr)


def _chosen(names: Sequence[str] | None) -> list[Contestant]:
    found = [c for c in CONTESTANTS.values() if names is None or any(c.name.startswith(n) for n in names)]
    if not found or any(not any(c.startswith(n) for c in CONTESTANTS) for n in names or ()):
        raise FoundationError(f"No contestant begins with one of {names}; there are {'; '.join(CONTESTANTS)}.")
    return found


def _competed(task: Task, chosen: Sequence[Contestant], budget: Budget, workers: int) -> Iterator[tuple[str, Outcome]]:
    """What each contestant achieved, as soon as it is known."""
    if workers == 1:
        yield from ((c.name, compete(task, c, budget)) for c in chosen)
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        started = {pool.submit(compete, task, c, budget): c.name for c in reversed(chosen)}  # the longest is the last
        yield from ((started[done], done.result()) for done in as_completed(started))


def _best(task: Task, contestant: Contestant, seed: int) -> float:
    """The hit rate of the best sampler of this order."""
    if contestant.order != "pairs":
        return 1.0
    return float(pair_ceiling(task, contestant.phase, DRAWS, np.random.default_rng(seed)).mean())


def _cells(name: str, metrics: Metrics, more: Mapping[str, str]) -> list[str]:
    m = metrics
    shown = {
        "order of generation": name,
        "hit": f"{m.hit:.3f}",
        "multi": f"{m.multi:.3f}",
        "off-target": f"{m.off_target:.3f}",
        "length": f"{m.length:.1f} ± {m.deviation:.1f}",
        "in range": f"{m.in_range:.2f}",
        "KS place": f"{m.ks:.2f}",
        "unique": f"{m.unique:.2f}",
        "novel": f"{m.novel:.2f}",
    }
    return [(shown | dict(more)).get(column, "") for column in COLUMNS]


def _rows(outcomes: Mapping[str, Outcome], ceilings: Mapping[str, float], ideal: Metrics) -> list[list[str]]:
    rows = []
    for name, outcome in outcomes.items():
        more = {
            "best possible": f"{ceilings[name]:.3f}",
            "at 1/4, 1/2": ", ".join(f"{hit:.2f}" for hit in outcome.early),
            "passes": str(outcome.passes),
            "loss": f"{outcome.loss:.3f}",
            "CPU s": " + ".join(f"{s:.0f}" for s in outcome.seconds),
        }
        rows.append(_cells(name, outcome.metrics, more))
    return [*rows, _cells("the task itself", ideal, {"best possible": "1.000"})]


def _print(outcomes: Mapping[str, Outcome], ceilings: Mapping[str, float], ideal: Metrics, title: str) -> None:
    from rich.console import Console
    from rich.table import Table

    from foundation.bench import WIDTH

    table = Table(*COLUMNS[:PRINTED], title=f"{title} motifs")
    for row in _rows(outcomes, ceilings, ideal):
        table.add_row(*row[:PRINTED])
    Console(width=max(Console().width, WIDTH)).print(table)


def _write(
    out: Path,
    task: Task,
    budget: Budget,
    outcomes: Mapping[str, Outcome],
    ceilings: Mapping[str, float],
    ideal: Metrics,
) -> None:
    from foundation.evaluation.anchored.picture import contest  # matplotlib, which the numbers do not need
    from foundation.evaluation.report import Picture, Report, Section, Table, Text, write_pictures, write_report

    ideals = {"ceilings": ceilings, "the task itself": asdict(ideal)}
    write_results(out / "results.json", task, budget, outcomes, **ideals)
    source = f"{budget.each} sequences a condition" if budget.each else "fresh sequences in every step"
    said = f"{len(MOTIFS)} conditions, {budget.steps} steps of 64 sequences, {source}, seed {budget.seed}."
    picture = Picture("contest", contest(outcomes, ceilings, budget.steps), f"{task.variant} motifs. {said}")
    table = Table(COLUMNS, _rows(outcomes, ceilings, ideal))
    report = Report("Anchored generation, compared", [Section(f"{task.variant} motifs", [Text(said), picture, table])])
    write_pictures(report, out)
    write_report(report, out / "report.html")
