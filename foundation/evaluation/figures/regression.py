"""regression: predicted against true, and where the residuals grow."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from foundation.evaluation.metrics import MAD_TO_SIGMA, r2, sigma_mad, sigma_nmad
from foundation.figures.canvas import COLOURS, canvas, picture

SLICES = 6  # of the abscissa, with equally many objects each


@picture
def predicted_and_true(label: str, true: np.ndarray, predicted: Mapping[str, np.ndarray], redshift: bool) -> Figure:
    """Density of predicted over true values [n] with the 1:1 line and residuals below, one column a source.

    Args:
        redshift: residuals are divided by 1 + true.
    """
    figure, axes = canvas(3.4 * len(predicted), 4.6, 2, len(predicted), sharex=True, sharey="row", height_ratios=[3, 1])
    low, high = np.percentile(true, [0, 100])
    name = "σ_NMAD" if redshift else "σ_MAD"
    margin = 0.05 * (high - low or 1.0)
    unit = 1 + true if redshift else 1.0
    limit = max(*(np.percentile(np.abs((v - true) / unit), 95) for v in predicted.values()), 1e-6)
    for column, (source, values) in enumerate(predicted.items()):
        above, below = axes[column], axes[column + len(predicted)]
        _density(above, true, values, (low - margin, high + margin), _colour(source))
        above.plot([low, high], [low, high], "k--", lw=0.8)
        spread = sigma_nmad(values, true) if redshift else sigma_mad(values, true)
        numbers = f"N = {len(true)}, R² = {r2(values, true):.3f}, {name} = {spread:.3g}"
        above.set_title(f"{source}\n{numbers}", fontsize=8)
        below.scatter(true, (values - true) / unit, s=3, alpha=0.4, color=_colour(source), linewidths=0)
        below.axhline(0, color="k", lw=0.8, ls="--")
        below.set(xlabel=f"true {label}", ylim=(-limit, limit))
    axes[0].set_ylabel(f"predicted {label}")
    axes[len(predicted)].set_ylabel(f"Δ{label}/(1+{label})" if redshift else "residual")
    return figure


@picture
def residual_against(
    name: str, at: np.ndarray, true: np.ndarray, predicted: Mapping[str, np.ndarray], redshift: bool
) -> Figure:
    """Scatter of the residuals in slices of a quantity `at` [n] such as S/N; lower is better.

    Args:
        name: of the quantity, for the axis.
    """
    figure, (axes,) = canvas(5.2, 3.2)
    edges = np.unique(np.nanquantile(at, np.linspace(0, 1, SLICES + 1)))
    place = np.clip(np.searchsorted(edges, at, side="right") - 1, 0, len(edges) - 2)
    for source, values in predicted.items():
        residual = (values - true) / (1 + true) if redshift else values - true
        inside = [residual[(place == i) & np.isfinite(at)] for i in range(len(edges) - 1)]
        spread = [MAD_TO_SIGMA * np.median(np.abs(r - np.median(r))) if len(r) else np.nan for r in inside]
        centre = [np.median(at[(place == i) & np.isfinite(at)]) if len(r) else np.nan for i, r in enumerate(inside)]
        axes.plot(centre, spread, "o-", ms=4, label=source, color=_colour(source))
    if min(centre) > 0 and max(centre) > 10 * min(centre):
        axes.set_xscale("log")
    axes.set(xlabel=name, ylabel="σ_NMAD" if redshift else "σ_MAD", ylim=(0, None))
    axes.legend(fontsize=8)
    return figure


def _density(axes: Axes, true: np.ndarray, predicted: np.ndarray, limits: tuple[float, float], colour: str) -> None:
    if len(true) > 400:
        shown = np.clip(predicted, *limits)
        axes.hexbin(
            true, shown, gridsize=45, bins="log", mincnt=1, cmap="viridis", extent=(*limits, *limits), linewidths=0.1
        )
    else:
        axes.scatter(true, np.clip(predicted, *limits), s=8, alpha=0.6, color=colour, linewidths=0)
    axes.set(xlim=limits, ylim=limits)


def _colour(source: str) -> str:
    return next((c for s, c in COLOURS.items() if source.startswith(s)), "#0072B2")
