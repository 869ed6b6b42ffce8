"""Photometry: fluxes in the survey's bands from the spectrum itself, through the filters' curves."""

from functools import lru_cache

import numpy as np

from foundation.data.simulate.grid import INFRARED, LIGHT_KMS, WAVELENGTH

OPTICAL = ("g", "r", "i", "z")
WISE = ("w1", "w2")
CURVES = {
    "g": "decam2014-g",
    "r": "decam2014-r",
    "i": "decam2014-i",
    "z": "decam2014-z",
    "w1": "wise2010-W1",
    "w2": "wise2010-W2",
}
# 5σ point-source depths of the coadds, AB (Dey et al. 2019, table 4; i and WISE typical of Legacy Surveys DR10)
DEPTH = {"g": 24.7, "r": 23.9, "i": 23.5, "z": 23.0, "w1": 21.4, "w2": 20.7}
NANOMAGGY = 3631e-9  # Jy


def sigma_of_depth(band: str) -> float:
    """Standard deviation in nMgy of a point source's flux in `band`."""
    return 10 ** (0.4 * (22.5 - DEPTH[band])) / 5


@lru_cache(maxsize=2)
def _weights(bands: tuple[str, ...], infrared: bool) -> np.ndarray:
    """Matrix [band, wavelength] that turns f_λ (1e-17 erg/s/cm²/Å) into nMgy: ∫ f_λ R λ dλ / ∫ f_AB R λ dλ."""
    from speclite.filters import load_filter  # imports astropy: only when the first flux is asked for

    grid = INFRARED if infrared else WAVELENGTH
    step = np.gradient(grid)
    rows = []
    for band in bands:
        curve = load_filter(CURVES[band])
        photons = np.interp(grid, curve.wavelength, curve.response, left=0, right=0) * grid * step
        reference = NANOMAGGY * 1e-23 * LIGHT_KMS * 1e13 / grid**2 * 1e17  # f_λ of 1 nMgy
        rows.append(photons / (photons @ reference))
    return np.stack(rows)


def optical_fluxes(flux: np.ndarray) -> np.ndarray:
    """nMgy [..., 4] in g, r, i, z of f_λ [..., COUNT] on grid.WAVELENGTH (1e-17 erg/s/cm²/Å)."""
    return flux @ _weights(OPTICAL, False).T


def wise_fluxes(flux: np.ndarray) -> np.ndarray:
    """nMgy [..., 2] in W1, W2 of f_λ on grid.INFRARED (1e-17 erg/s/cm²/Å)."""
    return flux @ _weights(WISE, True).T
