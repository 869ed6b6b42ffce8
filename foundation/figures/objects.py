"""objects: what was observed, as a person would look at it: cut-outs in colour, spectra, reconstructions, galleries."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from foundation.data.records import Image, Record, Scalar, Spectrum
from foundation.figures.canvas import bare, canvas, picture

SOFTENING, STRETCH = 8.0, 0.8  # of the colour image, in units of the noise (Lupton et al. 2004, PASP 116, 133)
RED_GREEN_BLUE = (0.65, 1.0, 1.76)  # weights of the reddest, middle and bluest band, so that a typical galaxy is white
POINTS = 300  # of spectra drawn small


def rgb(image: Image) -> np.ndarray:
    """[y, x, 3] in 0..1: the reddest band red, the bluest blue, intensities compressed by asinh, colours kept."""
    pick = [len(image.bands) - 1, len(image.bands) // 2, 0] if len(image.bands) > 1 else [0, 0, 0]
    weight = RED_GREEN_BLUE if len(image.bands) > 1 else (1.0, 1.0, 1.0)
    noise = np.mean([_sigma(image, i) for i in pick])
    scaled = np.stack([image.flux[i] * w / noise for i, w in zip(pick, weight, strict=True)], -1)  # [y, x, 3]
    intensity = np.maximum(scaled.mean(-1, keepdims=True), 1e-9)
    compressed = np.arcsinh(SOFTENING * STRETCH * intensity / 10) / SOFTENING
    colour = np.maximum(scaled, 0) * compressed / intensity
    return np.clip(colour / max(float(np.percentile(colour, 99.7)), 1e-9), 0, 1)


def _sigma(image: Image, band: int) -> float:
    good = image.usable[band]
    return float(1 / np.sqrt(np.median(image.ivar[band][good]))) if good.any() else 1.0


@picture
def gallery(rows: Sequence[Sequence[Record]], titles: Sequence[Sequence[str]]) -> Figure:
    """One row a query: the query, then what was found, best first."""
    columns = max(map(len, rows))
    figure, axes = canvas(1.45 * columns, 1.65 * len(rows), len(rows), columns, layout=None)  # all cells are alike
    figure.subplots_adjust(0.005, 0.005, 0.995, 0.96, wspace=0.04, hspace=0.15)
    for a in axes:
        bare(a)
    for row, (records, names) in enumerate(zip(rows, titles, strict=True)):
        for column, (record, name) in enumerate(zip(records, names, strict=True)):
            a = axes[row * columns + column]
            draw(a, record)
            a.set_title(name, fontsize=7, fontweight="bold" if column == 0 else "normal", pad=2)
    return figure


def draw(axes: Axes, record: Record) -> None:
    """A record as a small picture."""
    if isinstance(record, Image):
        axes.imshow(rgb(record))
    elif isinstance(record, Spectrum):
        wavelength, flux = _coarse(record)
        axes.plot(wavelength, flux, lw=0.6, color="#0072B2")
        if len(flux):
            low, high = np.percentile(flux, [0.5, 99.5])
            axes.set_ylim(low - 0.1 * (high - low) - 1e-9, high + 0.1 * (high - low) + 1e-9)
    else:
        said = f"{record.value:.3g}" if isinstance(record, Scalar) else type(record).__name__
        axes.text(0.5, 0.5, said, ha="center", va="center")


def _coarse(spectrum: Spectrum) -> tuple[np.ndarray, np.ndarray]:
    """Wavelength and inverse-variance averaged flux of the usable pixels, in about POINTS steps."""
    good = spectrum.usable
    step = max(1, int(good.sum()) // POINTS)
    rows = good.sum() // step * step
    wavelength, flux, ivar = (
        a[good][:rows].reshape(-1, step) for a in (spectrum.wavelength, spectrum.flux, spectrum.ivar)
    )
    return wavelength.mean(1), (flux * ivar).sum(1) / ivar.sum(1)


@picture
def image_reconstructions(pairs: Sequence[tuple[Image, Image]], names: Sequence[str]) -> Figure:
    """One row an object: original, reconstruction, and (original - reconstruction) / σ in one band."""
    figure, axes = canvas(6.6, 2.1 * len(pairs), len(pairs), 3)
    for row, ((original, rebuilt), name) in enumerate(zip(pairs, names, strict=True)):
        band = len(original.bands) // 2
        for a, shown, title in zip(axes[3 * row :], (original, rebuilt), (name, "reconstruction"), strict=False):
            a.imshow(rgb(_like(shown, original)))
            bare(a, title)
        a = axes[3 * row + 2]
        pull = (original.flux[band] - rebuilt.flux[band]) * np.sqrt(original.ivar[band])
        shown = a.imshow(np.where(original.usable[band], pull, np.nan), cmap="RdBu_r", vmin=-5, vmax=5)
        bare(a, f"residual / σ in {original.bands[band]}")
        figure.colorbar(shown, ax=a, shrink=0.8)
    return figure


def _like(image: Image, reference: Image) -> Image:
    """The flux of one image with the noise of another, so that both are stretched alike."""
    return Image(image.flux, image.bands, image.pixel_scale, reference.ivar, survey=image.survey)


@picture
def spectrum_reconstructions(pairs: Sequence[tuple[Spectrum, Spectrum]], names: Sequence[str]) -> Figure:
    """Two panels an object: data with its ±σ band and the reconstruction; residual / σ with unusable pixels shaded."""
    figure, axes = canvas(9.0, 2.7 * len(pairs), 2 * len(pairs), 1, height_ratios=[3, 1] * len(pairs))
    for row, ((original, rebuilt), name) in enumerate(zip(pairs, names, strict=True)):
        above, below = axes[2 * row], axes[2 * row + 1]
        good, x = original.usable, original.wavelength
        sigma = np.divide(1, np.sqrt(original.ivar), out=np.zeros_like(original.ivar), where=good)
        above.fill_between(
            x, original.flux - sigma, original.flux + sigma, where=good, color="#cccccc", lw=0, label="data ± σ"
        )
        above.plot(x[good], original.flux[good], lw=0.4, color="#888888")
        above.plot(rebuilt.wavelength, rebuilt.flux, lw=1.0, color="#D55E00", label="reconstruction")
        if good.any():
            low, high = np.percentile(original.flux[good], [0.5, 99.5])
            above.set_ylim(low - 0.2 * (high - low), high + 0.25 * (high - low))
        above.set(title=name, ylabel=original.unit and "flux", xticklabels=[])
        above.legend(fontsize=7, loc="upper right", ncols=2)
        model = np.interp(x, rebuilt.wavelength, rebuilt.flux)
        below.plot(x[good], ((original.flux - model) / np.where(good, sigma, 1))[good], lw=0.3, color="#0072B2")
        below.fill_between(x, -5, 5, where=~good, color="#f2c14e", alpha=0.5, lw=0)
        below.set(ylim=(-5, 5), ylabel="resid. / σ", xlabel="wavelength [Å, vacuum]")
    return figure


def records_of(samples: Sequence[Mapping[str, Record]], modality: str) -> list[Record]:
    """The records of one modality of samples that have it."""
    return [s[modality] for s in samples if modality in s]
