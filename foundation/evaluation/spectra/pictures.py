"""pictures: label efficiency, and chi-squared against signal-to-noise."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from foundation.evaluation.metrics import metric
from foundation.evaluation.spectra.ask import Curve
from foundation.evaluation.spectra.predict import Predicted
from foundation.figures.canvas import COLOURS, SERIES, canvas, picture

SHOWN = ("model", "read, smoothed by 0.001", "constant")
SLICES = 5


@picture
def efficiency_curves(curves: Sequence[Curve]) -> Figure:
    """One panel a question: the metric against the number of labels, the band from the worst to the best draw."""
    columns = min(3, len(curves))
    rows = -(-len(curves) // columns)
    figure, axes = canvas(4.0 * columns, 3.0 * rows, rows, columns)
    for a, curve in zip(axes, curves, strict=False):
        for source, points in curve.points.items():
            labels = [n for n, _ in points]
            a.plot(labels, [i.value for _, i in points], "o-", ms=4, color=COLOURS[source], label=source)
            a.fill_between(
                labels, [i.low for _, i in points], [i.high for _, i in points], color=COLOURS[source], alpha=0.2, lw=0
            )
        a.set(
            title=curve.task.title.split(", tested")[0],
            xlabel="labels",
            ylabel=metric(curve.metric).title,
            xscale="log",
        )
        a.legend(fontsize=7)
    for a in axes[len(curves) :]:
        a.set_visible(False)
    return figure


@picture
def chi2_against_snr(found: Sequence[Predicted]) -> Figure:
    """One panel a pair of surveys: the median in slices of equally many objects; the truth lies on the line at 1."""
    columns = min(3, len(found))
    rows = -(-len(found) // columns)
    figure, axes = canvas(4.0 * columns, 3.0 * rows, rows, columns)
    for a, one in zip(axes, found, strict=False):
        order = np.array_split(np.argsort(one.snr), min(SLICES, len(one.snr)))
        for colour, who in zip(SERIES, SHOWN, strict=False):
            middle = [np.median(one.chi2[who][part]) for part in order]
            a.plot([np.median(one.snr[part]) for part in order], middle, "o-", ms=4, color=colour, label=who)
        a.axhline(1, color="k", lw=0.8, ls="--")
        a.set(title=f"{one.read} → {one.asked} of {one.on}", xlabel="S/N of the spectrum asked", ylabel="χ² per pixel")
        a.set(xscale="log", yscale="log")
        a.legend(fontsize=7)
    for a in axes[len(found) :]:
        a.set_visible(False)
    return figure
