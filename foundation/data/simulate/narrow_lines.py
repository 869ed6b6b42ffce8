"""Stellar lines so narrow that only instruments like GALAH's and APOGEE's resolve them. Vacuum Å.

A pseudo line list, the same for every seed: each blend of `lines.iron_blends` is made of lines of several species, and
the H band has a list of its own. Species differ in how their strength depends on temperature, gravity and metallicity,
so that ratios of lines tell these apart as real ones do; no line stands where a real one does but hydrogen's.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache

import numpy as np
from scipy.special import expit

from foundation.data.simulate.grid import LIGHT_KMS, RESOLVED, Lattice, redshifted
from foundation.data.simulate.lines import gaussians, iron_blends

Line = tuple[float, float, float]  # centre, sigma, equivalent width while weak
SPECIES = {"neutral_low": 0.45, "neutral_high": 0.35, "ionised": 0.2}  # share of the lines
OF_A_BLEND = 6
WIDTH_KMS = 6.0  # sigma of a line: thermal motion and turbulence; rotation is left out
MARGIN = 256  # points of a rest table beyond the lattice: 550 km/s
INFRARED_LINES = {"neutral_low": 320, "neutral_high": 240, "ionised": 60, "molecules": 480}
INFRARED_WIDTH = 0.11  # Å, mean equivalent width
RYDBERG = 1.0967758e-3  # of hydrogen, 1/Å
BRACKETT = range(11, 20)  # upper levels of the lines of hydrogen in the H band


def line_strengths(teff: float, logg: float, feh: float) -> dict[str, float]:
    """Strength of each species, a smooth function; 1 is that of a star like the Sun, roughly."""
    metals, neutral = 10 ** (0.4 * feh), expit((6600 - teff) / 550)
    return {
        "neutral_low": metals * 1.6 * neutral * (5200 / max(teff, 3000)) ** 2,
        "neutral_high": metals * (1.5 * neutral + 0.1),
        "ionised": metals * (0.9 * expit((9000 - teff) / 900) + 0.1) * 10 ** (-0.18 * (logg - 4.4)),
        "molecules": metals * 1.8 * expit((4700 - teff) / 350) * 10 ** (-0.08 * (logg - 4.4)),
        "brackett": 0.35 * float(np.exp(-0.5 * (np.log(teff / 9500) / 0.3) ** 2)),
    }


def transmission(lattice: Lattice, strengths: Mapping[str, float], z: float) -> np.ndarray:
    """What narrow lines let through on RESOLVED or H_BAND, at redshift `z` (550 km/s at most)."""
    names, tables = _tables(lattice)
    weights = np.array([strengths.get(name, 0.0) for name in names])
    return np.exp(-redshifted(weights @ tables, z, lattice, MARGIN))


@lru_cache(maxsize=2)
def _tables(lattice: Lattice) -> tuple[tuple[str, ...], np.ndarray]:
    """Species, and their optical depth at rest, float32 [species, points]."""
    wavelength = lattice.wider(MARGIN).wavelength
    if lattice == RESOLVED:
        made = {name: gaussians(_optical(name), wavelength) for name in SPECIES}
    else:
        made = {name: gaussians(_infrared(name), wavelength) for name in INFRARED_LINES}
        made["brackett"] = _brackett(wavelength)
    return tuple(made), np.stack(list(made.values())).astype(np.float32)


def _optical(species: str) -> Iterator[Line]:
    """The lines of a species that blends are made of."""
    draw = np.random.default_rng(27)
    for centre, sigma, width in iron_blends():
        kinds = draw.choice(list(SPECIES), OF_A_BLEND, p=list(SPECIES.values()))
        place = draw.normal(centre, sigma, OF_A_BLEND)
        share = draw.dirichlet(np.ones(OF_A_BLEND))
        yield from ((x, _sigma(x), width * s) for x, s, k in zip(place, share, kinds, strict=True) if k == species)


def _infrared(species: str) -> Iterator[Line]:
    draw = np.random.default_rng([28, list(INFRARED_LINES).index(species)])
    count = INFRARED_LINES[species]
    for centre, width in zip(
        draw.uniform(15095, 17005, count), draw.gamma(0.8, INFRARED_WIDTH / 0.8, count), strict=True
    ):
        yield centre, _sigma(centre), width


def _sigma(centre: float) -> float:
    return centre * WIDTH_KMS / LIGHT_KMS


def _brackett(wavelength: np.ndarray) -> np.ndarray:
    """Pressure-broadened, of unit depth where they are strongest and weaker towards the limit of the series."""
    depth = np.zeros(len(wavelength))
    for level in BRACKETT:
        centre = 1 / (RYDBERG * (1 / 16 - 1 / level**2))
        depth += (11 / level) * (1 + ((wavelength - centre) / 22) ** 2) ** -1.5
    return depth
