"""pictures: label efficiency, chi-squared against signal-to-noise, and spectra predicted at another survey's pixels."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from foundation.data.records import Spectrum
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
        a.set(title=f"{one.read} → {one.asked}", xlabel="S/N of the spectrum asked", ylabel="χ² per pixel")
        a.set(xscale="log", yscale="log")
        a.legend(fontsize=7)
    for a in axes[len(found) :]:
        a.set_visible(False)
    return figure


@picture
def predicted_spectra(one: Predicted) -> Figure:
    """The first objects: what was asked, and the model's flux from the other survey's spectrum."""
    figure, axes = canvas(9.0, 2.1 * len(one.examples), len(one.examples), 1)
    for a, (_, asked, flux) in zip(axes, one.examples, strict=True):
        draw_over(a, asked, flux, f"{one.asked}, S/N {asked.snr:.1f}")
    axes[-1].set_xlabel("wavelength [Å, vacuum]")
    return figure


@picture
def overlays(spectra: Sequence[tuple[str, Spectrum, np.ndarray]]) -> Figure:
    """Real spectra under what the model makes of them, a row each.

    Args:
        spectra: title, record, and flux [n] with NaN where the model has no patch.
    """
    figure, axes = canvas(9.0, 2.1 * len(spectra), len(spectra), 1)
    for a, (title, spectrum, flux) in zip(axes, spectra, strict=True):
        draw_over(a, spectrum, flux, title)
    axes[-1].set_xlabel("wavelength [Å, vacuum]")
    return figure


def draw_over(axes, spectrum: Spectrum, flux: np.ndarray, title: str) -> None:  # noqa: ANN001 - matplotlib's
    """Data in grey under a line, segment by segment."""
    good = spectrum.usable
    axes.plot(spectrum.wavelength[good], spectrum.flux[good], lw=0.4, color="#999999")
    for number in np.unique(np.asarray(spectrum.segment)):
        part = (np.asarray(spectrum.segment) == number) & np.isfinite(flux)
        axes.plot(spectrum.wavelength[part], flux[part], lw=0.9, color=SERIES[1])
    if good.any():
        low, high = np.percentile(spectrum.flux[good], [1, 99])
        axes.set_ylim(low - 0.25 * (high - low), high + 0.35 * (high - low))
    axes.set_title(title, fontsize=8)
