"""scores: every task and probe at a glance, with intervals, and curves of training."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from foundation.errors import FoundationError
from foundation.evaluation.bootstrap import Interval
from foundation.figures.canvas import COLOURS, SERIES, canvas, picture


@picture
def score_panel(title: str, rows: Sequence[tuple[str, str, Interval]], better: str) -> Figure:
    """Dots with 68 % bars: one row a probe, coloured by whose features it reads.

    Args:
        rows: (source, probe, score), drawn from the top.
        better: a hint such as "larger is better".
    """
    figure, (axes,) = canvas(6.4, 0.9 + 0.27 * len(rows))
    for y, (source, _, score) in enumerate(reversed(rows)):
        bar = [[max(score.value - score.low, 0)], [max(score.high - score.value, 0)]]
        axes.errorbar(score.value, y, xerr=bar, fmt="o", ms=5, capsize=3, color=COLOURS[source])
    axes.set_yticks(range(len(rows)), [f"{source} · {probe}" for source, probe, _ in reversed(rows)])
    axes.set(xlabel=f"{title}  ({better})", ylim=(-0.7, len(rows) - 0.3))
    return figure


@picture
def learning_curves(title: str, curves: Mapping[str, Sequence[tuple[int, Interval]]]) -> Figure:
    """A metric against the number of training objects, a line with 68 % bars for each source of features."""
    figure, (axes,) = canvas(5.2, 3.2)
    for source, points in curves.items():
        count, score = [n for n, _ in points], [s for _, s in points]
        bars = np.array([[max(s.value - s.low, 0), max(s.high - s.value, 0)] for s in score]).T
        axes.errorbar(
            count, [s.value for s in score], yerr=bars, fmt="o-", ms=4, capsize=2, color=COLOURS[source], label=source
        )
    axes.set(xscale="log", xlabel="training objects", ylabel=title)
    counts = sorted({n for points in curves.values() for n, _ in points})
    axes.set_xticks(counts, [str(n) for n in counts])
    axes.minorticks_off()
    axes.legend(fontsize=8)
    return figure


@picture
def training_curves(curves: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Loss against step, one panel a run.

    Args:
        curves: run -> series name -> float64 [2, points], steps and values.
    """
    columns = min(3, len(curves))
    rows = -(-len(curves) // columns)
    figure, axes = canvas(4.2 * columns, 3.0 * rows, rows, columns)
    for a, (run, series) in zip(axes, curves.items(), strict=False):
        for colour, (name, points) in zip(SERIES * 4, series.items(), strict=False):
            a.plot(*points, color=colour, lw=1.3, label=name, marker="." if points.shape[1] < 12 else "")
        a.set(title=run, xlabel="step", ylabel="loss")
        if all((p[1] > 0).all() for p in series.values()):
            a.set_yscale("log")
        a.legend(fontsize=7)
    for a in axes[len(curves) :]:
        a.set_visible(False)
    return figure


def read_curves(path: Path, wanted: str = "loss", most: int = 8) -> dict[str, np.ndarray]:
    """Series of a metrics.csv whose names contain `wanted`: name -> float64 [2, points], steps and values.

    Totals come before the losses of single spaces and validation before training, so the first `most` say most.

    Raises:
        FoundationError: the file is not the CSV that training writes.
    """
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or "step" not in rows[0]:
        raise FoundationError(f"{path}: no column `step`. Give a metrics.csv that `foundation train` has written.")
    names = sorted((n for n in rows[0] if wanted in n), key=lambda n: (not n.endswith(wanted), "validation" not in n))
    series = {}
    for name in names[:most]:
        points = [(float(r["step"]), float(r[name])) for r in rows if r.get(name) and r["step"]]
        finite = [p for p in points if np.isfinite(p[1])]
        if finite:
            series[name] = np.array(finite).T
    return series
