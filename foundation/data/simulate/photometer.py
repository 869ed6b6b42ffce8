"""Gaia's two prisms: a spectrum of low resolution as coefficients of smooth functions, and sampled from them.

As in the survey, the errors of neighbouring samples hang together, because 2 x 55 coefficients make 343 samples. The
functions are Hermite's over ln λ and not the survey's own, which it fits to its instrument (De Angeli et al. 2023).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.sparse import csr_array

from foundation.data.coefficients import Coefficients
from foundation.data.formats.gaia_calibration import GRID
from foundation.data.records import Record, Spectrum
from foundation.data.simulate.grid import OBSERVED
from foundation.data.simulate.spectrograph import gaussian_rows

FUNCTIONS = 55  # of each photometer
REACH = 9.5  # the ends of its range, where the highest function starts to fall
SAMPLES = np.linspace(0, 1, 400)  # over its range: what is measured, before the fit
FWHM = 2.3548  # of a Gaussian, in sigmas
HANDOVER = (6350.0, 6750.0)  # Å: from the blue to the red photometer
CALIBRATION = 0.005  # scatter of the slope of the flux calibration
MISSING_BLUE = 0.02  # probability that there is no blue spectrum
READ_VARIANCE = 0.02  # of the median flux


@dataclass(frozen=True)
class Prism:
    """One photometer: range (Å) and resolving power at its ends; the width of a line is interpolated in ln λ."""

    low: float
    high: float
    power: tuple[float, float]

    @property
    def wavelength(self) -> np.ndarray:
        """Å, of SAMPLES."""
        return self.low * (self.high / self.low) ** SAMPLES

    def basis(self, wavelength: np.ndarray) -> np.ndarray:
        """Orthonormal Hermite functions [wavelengths, FUNCTIONS]."""
        x = REACH * (2 * np.log(wavelength / self.low) / np.log(self.high / self.low) - 1)
        made = [np.pi**-0.25 * np.exp(-(x**2) / 2)]
        made.append(np.sqrt(2) * x * made[0])
        for n in range(2, FUNCTIONS):
            made.append(np.sqrt(2 / n) * x * made[-1] - np.sqrt((n - 1) / n) * made[-2])
        return np.stack(made, 1)


PRISMS = {"bp": Prism(3300, 6850, (95.0, 30.0)), "rp": Prism(6250, 10600, (95.0, 55.0))}


@dataclass(frozen=True, eq=False)
class Prisms:
    """What the photometers measured.

    Args:
        records: `coefficients_gaia_bp`, `coefficients_gaia_rp` and, with both, `spectrum_gaia`.
        noiseless: the sampled spectrum [343] without noise.
        covariance: of the samples [343, 343].
    """

    records: Mapping[str, Record]
    noiseless: np.ndarray
    covariance: np.ndarray


def expose(flux: np.ndarray, snr: float, draw: np.random.Generator) -> Prisms:
    """Observe an object until its samples reach a median signal-to-noise.

    Args:
        flux: f_λ on grid.WAVELENGTH, 1e-17 erg/s/cm²/Å.
        snr: wanted.
        draw: decides calibration and noise.
    """
    fits = {name: _fit(name, flux, draw) for name in PRISMS}
    designs = _designs()
    noiseless = np.sum([designs[name] @ truth for name, (truth, _) in fits.items()], axis=0)
    covariance = np.sum([designs[name] @ error @ designs[name].T for name, (_, error) in fits.items()], axis=0)
    exposure = float(np.median(np.abs(noiseless) / np.sqrt(np.diagonal(covariance)))) / snr
    measured = {name: draw.multivariate_normal(t, e * exposure**2, method="cholesky") for name, (t, e) in fits.items()}
    records: dict[str, Record] = {
        f"coefficients_gaia_{name}": _coefficients(name, values, fits[name][1] * exposure**2)
        for name, values in measured.items()
    }
    if draw.random() < MISSING_BLUE:
        del records["coefficients_gaia_bp"]
    else:
        sampled = np.sum([designs[name] @ values for name, values in measured.items()], axis=0)
        ivar = 1 / (np.diagonal(covariance) * exposure**2)
        records["spectrum_gaia"] = Spectrum(sampled, GRID, ivar, survey="gaia", frame="barycentric")
    return Prisms(records, noiseless, covariance * exposure**2)


def _fit(name: str, flux: np.ndarray, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of the light, and their covariance for a unit exposure."""
    basis = _basis(name)
    light = (_spread(name) @ flux) * (1 + CALIBRATION * draw.normal() * (2 * SAMPLES - 1))
    weight = 1 / (np.abs(light) + READ_VARIANCE * np.median(np.abs(light)) + 1e-30)
    normal = np.linalg.inv((basis * weight[:, None]).T @ basis)
    return normal @ (basis.T @ (weight * light)), normal


@lru_cache(maxsize=2)
def _basis(name: str) -> np.ndarray:
    return PRISMS[name].basis(PRISMS[name].wavelength)


@lru_cache(maxsize=2)
def _spread(name: str) -> csr_array:
    """From OBSERVED to SAMPLES of a prism."""
    prism = PRISMS[name]
    power = np.exp(np.interp(SAMPLES, (0, 1), np.log(prism.power)))
    return gaussian_rows(prism.wavelength, prism.wavelength / power / FWHM, OBSERVED)


@lru_cache(maxsize=1)
def _designs() -> dict[str, np.ndarray]:
    """From coefficients to samples [343, FUNCTIONS], each prism with its share where they overlap."""
    red = np.clip((GRID - HANDOVER[0]) / (HANDOVER[1] - HANDOVER[0]), 0, 1)
    return {"bp": (1 - red)[:, None] * PRISMS["bp"].basis(GRID), "rp": red[:, None] * PRISMS["rp"].basis(GRID)}


def _coefficients(name: str, values: np.ndarray, covariance: np.ndarray) -> Coefficients:
    sigma = np.sqrt(np.diagonal(covariance))
    column, row = np.tril_indices(FUNCTIONS, -1)  # the order of `Coefficients.correlation`
    correlation = (covariance / np.outer(sigma, sigma))[column, row]
    return Coefficients(values, sigma, correlation, f"simulated-{name}", survey="gaia")
