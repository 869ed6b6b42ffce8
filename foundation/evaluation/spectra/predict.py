"""predict: an object's flux at the wavelengths of another spectrum of it, whose noise nobody has seen; chi-squared.

The truth has 1 a pixel if errors are what the survey says; copying what was read has 1 plus its own noise.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from foundation.data.records import Spectrum
from foundation.evaluation.bootstrap import Drawn, Interval
from foundation.evaluation.spectra.observed import Observed
from foundation.model.spectra.batch import SpectralBatch
from foundation.model.spectra.pretrained import SpectralModel
from foundation.progress import track
from foundation.tokenizers.native import patches_of, rebuilt

FLOOR = 0.01  # error of both calibrations, as a fraction of the flux
SMOOTHING = (0.0, 3e-4, 1e-3, 3e-3)  # widths tried for the smoothed copy, in ln(wavelength)
FAINT = 10.0  # signal-to-noise below which spectra are quoted apart


@dataclass(frozen=True, eq=False)
class Predicted:
    """Objects with both spectra.

    Args:
        read, asked: modalities.
        on: name of the set they are in.
        snr: [n] of the spectra asked, per pixel.
        chi2: who predicted -> [n], per valid pixel of the spectrum asked.
        examples: of the first objects, the spectrum asked, and the model's flux where it has any.
    """

    read: str
    asked: str
    on: str
    snr: np.ndarray
    chi2: Mapping[str, np.ndarray]
    examples: tuple[tuple[Spectrum, Spectrum], ...]

    def median(self, who: str, faint: bool = False) -> Interval:
        """Over objects, or over the faint ones, with the 68 % interval."""
        values = self.chi2[who][self.snr < FAINT] if faint else self.chi2[who]
        if not len(values):
            return Interval(float("nan"), float("nan"), float("nan"))
        return Drawn.of(lambda index: float(np.median(values[index])), len(values)).interval


def predictions(
    model: SpectralModel, pairs: Sequence[tuple[str, str]], observed: Mapping[str, Observed], on: str
) -> Iterator[Predicted]:
    """Every pair of modalities, of the objects that have both in the same unit; none = the pair is left out."""
    for read, asked in pairs:
        if read in observed and asked in observed:
            both = list(_both(observed[read], observed[asked]))
            if both:
                yield _predicted(model, (read, asked, on), both)


def _both(read: Observed, asked: Observed) -> Iterator[tuple[Spectrum, Spectrum]]:
    place = {key: i for i, key in enumerate(asked.keys)}
    for key, spectrum in zip(read.keys, read.spectra, strict=True):
        if key in place and asked.spectra[place[key]].unit == spectrum.unit:
            yield spectrum, asked.spectra[place[key]]


def _predicted(
    model: SpectralModel, names: tuple[str, str, str], both: Sequence[tuple[Spectrum, Spectrum]]
) -> Predicted:
    smoothed = {f"read, smoothed by {w:g}" if w else "read, as it is": partial(_smoothed, width=w) for w in SMOOTHING}
    ways: dict[str, Callable[[Spectrum, Spectrum], np.ndarray]] = {
        "model": lambda a, b: answered(model, a, b),
        **smoothed,
        "constant": _constant,
    }
    rows = [
        [per_pixel(way(a, b), b) for way in ways.values()]
        for a, b in track(both, f"predicting {names[1]} from {names[0]}", len(both))
    ]
    chi2 = dict(zip(ways, np.array(rows).T, strict=True))
    examples = tuple((b, known(b, answered(model, a, b))) for a, b in both[:3])
    return Predicted(*names, np.array([b.snr for _, b in both]), chi2, examples)


def per_pixel(flux: np.ndarray, measured: Spectrum, floor: float = FLOOR) -> float:
    """Chi-squared per usable pixel of predicted flux; pixels without a prediction do not count."""
    good = measured.usable & np.isfinite(flux)
    variance = 1 / measured.ivar[good].astype(np.float64) + (floor * measured.flux[good]) ** 2
    return float(np.mean((flux[good] - measured.flux[good]) ** 2 / variance))


@torch.no_grad()
def answered(model: SpectralModel, read: Spectrum, asked: Spectrum) -> np.ndarray:
    """The model's flux at the pixels asked, in the unit of what it read; NaN where the asked spectrum has no patch."""
    given, wanted = patches_of(read, model.cut), patches_of(asked, model.cut)
    device = model.head.weight.device
    value = model(SpectralBatch.packed([given]).to(device), SpectralBatch.packed([wanted]).to(device)).float().cpu()
    return rebuilt(wanted, value * (given.scale / wanted.scale), len(asked.flux))


def known(like: Spectrum, flux: np.ndarray) -> Spectrum:
    """Predicted flux as a spectrum of the pixels that have one."""
    some = np.isfinite(flux)
    parts = {name: np.asarray(getattr(like, name))[some] for name in ("wavelength", "ivar", "mask", "bad", "segment")}
    return replace(like, flux=flux[some], lsf_sigma=None, **parts)


def _constant(read: Spectrum, asked: Spectrum) -> np.ndarray:
    return np.full(len(asked.flux), float(np.median(read.flux[read.usable])))


def _smoothed(read: Spectrum, asked: Spectrum, width: float) -> np.ndarray:
    """What was read, averaged with its weights over a box of `width` in ln(wavelength) around every pixel asked."""
    good = np.flatnonzero(read.usable)
    good = good[np.argsort(read.wavelength[good], kind="stable")]
    place, wanted = np.log(read.wavelength[good]), np.log(asked.wavelength)
    flux, ivar = read.flux[good].astype(np.float64), read.ivar[good].astype(np.float64)
    if not width:
        return np.interp(wanted, place, flux)
    below, above = (np.searchsorted(place, wanted + side * width / 2) for side in (-1, 1))
    weight, total = (np.concatenate([[0], np.cumsum(x)]) for x in (ivar, ivar * flux))
    inside = above > below
    mean = (total[above] - total[below]) / np.where(inside, weight[above] - weight[below], 1)
    return np.where(inside, mean, np.interp(wanted, place, flux))
