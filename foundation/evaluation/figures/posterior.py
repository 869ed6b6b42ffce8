"""posterior: what the model believes about a number it was not shown, and whether it may be believed."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from foundation.figures.canvas import COLOURS, canvas, picture

BINS = 20


@picture
def posterior_examples(
    label: str,
    values: np.ndarray,
    probability: np.ndarray,
    prior: np.ndarray,
    true: Sequence[float],
    names: Sequence[str],
) -> Figure:
    """One panel an object: the predicted distribution over ascending values [K], the marginal, and the truth.

    Args:
        probability: float64 [objects, K].
        prior: float64 [K], the marginal.
    """
    columns = min(4, len(true))
    rows = -(-len(true) // columns)
    figure, axes = canvas(2.7 * columns, 2.2 * rows, rows, columns)
    step = _widths(values)
    top = values[min(np.searchsorted(np.cumsum(prior), 0.995), len(values) - 1)]
    for a, p, truth, name in zip(axes, probability, true, names, strict=False):
        a.fill_between(values, prior / step, color=COLOURS["marginal"], alpha=0.3, lw=0, label="marginal")
        a.plot(values, p / step, color=COLOURS["encoder"], lw=1.2, label="model")
        a.axvline(truth, color="k", lw=1, ls="--", label="true")
        a.set(title=name, xlabel=label, yticks=[], xlim=(values[0], max(top, truth)))
    axes[0].legend(fontsize=7)
    for a in axes[len(true) :]:
        a.set_visible(False)
    return figure


@picture
def calibration(pit: np.ndarray) -> Figure:
    """Histogram of the probability integral transform [n]; flat if the distributions can be believed.

    The shade holds 95 % of the bins of as many uniform numbers.
    """
    figure, (axes,) = canvas(4.2, 2.8)
    axes.hist(pit, bins=BINS, range=(0, 1), density=True, color=COLOURS["encoder"], alpha=0.8)
    half = 1.96 * np.sqrt((BINS - 1) / max(len(pit), 1))
    axes.axhspan(max(1 - half, 0), 1 + half, color="k", alpha=0.12, lw=0, zorder=0)
    axes.axhline(1, color="k", ls="--", lw=1)
    axes.set(xlabel="probability below the true value", ylabel="density")
    return figure


def _widths(values: np.ndarray) -> np.ndarray:
    """Width [K] of the bin around each value; equal values share what is there."""
    edges = np.concatenate([values[:1], (values[1:] + values[:-1]) / 2, values[-1:]])
    return np.maximum(np.diff(edges), 1e-3 * (np.ptp(values) or 1.0))
