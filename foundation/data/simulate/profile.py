"""Light profiles in Fourier space, where convolution is a product and no oversampling is needed.

The transform of a Sérsic profile has no closed form; it is tabulated once in (index, log k) by a Hankel integral. The
Moffat profile's is a Bessel function. All profiles have unit total flux, so their transform is 1 at k = 0.
"""

from functools import lru_cache

import numpy as np
from scipy.special import gamma, j0, kv

MOFFAT_BETA = 3.0
INDICES = np.arange(0.5, 6.01, 0.25)
LOG_K = np.linspace(np.log(1e-3), np.log(400), 260)  # k in units of 1 / half-light radius


def sersic_b(index: np.ndarray | float) -> np.ndarray:
    """b_n that makes r_e the half-light radius. Source: Ciotti & Bertin 1999."""
    return np.asarray(2 * index - 1 / 3 + 4 / (405 * index) + 46 / (25515 * index**2))


def sersic_total(index: np.ndarray | float) -> np.ndarray:
    """Total flux over I_e r_e² of a round profile: 2π n e^b b^(-2n) Γ(2n)."""
    b = sersic_b(index)
    return np.asarray(2 * np.pi * index * np.exp(b) * b ** (-2 * index) * gamma(2 * index))


@lru_cache(maxsize=1)
def _table() -> np.ndarray:
    """Transforms [index, k] of Sérsic profiles of unit half-light radius and unit flux."""
    log_r = np.linspace(np.log(1e-5), np.log(3e3), 8000)
    step = log_r[1] - log_r[0]
    r = np.exp(log_r)
    b = sersic_b(INDICES)[:, None]
    shells = np.exp(-b * (r ** (1 / INDICES[:, None]) - 1)) * r**2  # times dln r
    shells *= 2 * np.pi * step / sersic_total(INDICES)[:, None]
    phase = np.exp(LOG_K)[:, None] * r
    waves = j0(phase) * np.sinc(phase * step / (2 * np.pi))  # a shell thicker than a wave averages it away
    return shells @ waves.T


def sersic_transform(index: float, k: np.ndarray) -> np.ndarray:
    """Transform of a round Sérsic profile of unit flux at wave numbers `k`, in units of 1 / half-light radius."""
    place = np.clip((index - INDICES[0]) / (INDICES[1] - INDICES[0]), 0, len(INDICES) - 1.001)
    row, part = int(place), place - int(place)
    curve = (1 - part) * _table()[row] + part * _table()[row + 1]
    return np.interp(np.log(np.maximum(k, 1e-9)), LOG_K, curve, left=1.0)


@lru_cache(maxsize=1)
def _moffat_table() -> tuple[np.ndarray, np.ndarray]:
    x = np.linspace(1e-6, 30, 3000)
    order = MOFFAT_BETA - 1
    return x, 2 * (x / 2) ** order * kv(order, x) / gamma(order)


def moffat_transform(fwhm: float, k: np.ndarray) -> np.ndarray:
    """Transform of a Moffat profile of unit flux, β = 3; `k` in units of 1 / unit of `fwhm`."""
    core = fwhm / (2 * np.sqrt(2 ** (1 / MOFFAT_BETA) - 1))
    return np.interp(k * core, *_moffat_table(), right=0.0)
