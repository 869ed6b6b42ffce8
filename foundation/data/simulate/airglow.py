"""The night sky over a spectrograph: continuum, emission lines and the atmosphere's absorption."""

from functools import lru_cache

import numpy as np

from foundation.data.simulate.grid import OBSERVED, Lattice, add_line

BRIGHT = (
    (5578.9, 60.0),
    (5891.6, 8.0),
    (5897.6, 5.0),
    (6302.0, 25.0),
    (6365.5, 9.0),
    (4047.8, 1.5),
    (4359.6, 2.5),
    (5462.3, 2.0),
)
# Meinel bands of OH: first and last wavelength (Å), number of lines, mean brightness (1e-17 erg/s/cm² in a fibre)
HYDROXYL = (
    (6470, 6650, 8, 3.0), (6830, 7050, 10, 5.0), (7240, 7480, 14, 14.0), (7710, 8070, 36, 16.0), (8280, 8520, 28, 20.0),
    (8620, 9060, 40, 24.0), (9300, 9720, 40, 34.0), (9780, 10180, 40, 40.0), (10200, 10420, 22, 40.0),
    (15100, 16990, 130, 60.0),
)  # fmt: skip
TELLURIC = (
    (6870, 6925, 0.25),
    (7168, 7320, 0.1),
    (7594, 7690, 0.55),
    (8130, 8350, 0.12),
    (8950, 9200, 0.2),
    (9300, 9640, 0.35),
    (15680, 15820, 0.05),
    (15980, 16130, 0.05),
)


@lru_cache(maxsize=4)
def sky_lines(lattice: Lattice = OBSERVED) -> np.ndarray:
    """Line emission in a fibre on a lattice, 1e-17 erg/s/cm²/Å, before the instrument."""
    draw = np.random.default_rng(83)  # the same sky for every seed of the survey
    flux = np.zeros(lattice.count)
    for centre, area in BRIGHT:
        add_line(flux, centre, 20.0, area, lattice)
    for low, high, count, area in HYDROXYL:
        for centre, strength in zip(draw.uniform(low, high, count), draw.gamma(1.2, 1 / 1.2, count), strict=True):
            add_line(flux, centre, 20.0, area * strength, lattice)
    return flux


def sky_continuum(wavelength: np.ndarray) -> np.ndarray:
    """Dark-sky continuum in a fibre, 1e-17 erg/s/cm²/Å."""
    return 1.2 + 0.5 * (wavelength / 6000 - 1)


def transmission(wavelength: np.ndarray) -> np.ndarray:
    """What the molecular bands of the atmosphere let through."""
    passed = np.ones(len(wavelength))
    for low, high, depth in TELLURIC:
        passed[(wavelength > low) & (wavelength < high)] -= depth
    return passed
