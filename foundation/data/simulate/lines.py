"""The lines of the sky's spectra: emission of nebulae and quasars, absorption of stellar atmospheres. Vacuum Å.

An absorption group is a table of optical depth on the rest lattice: exp(-strength * table) is the atmosphere's
transmission, and `strength` is the equivalent width in Å of the group's unit line while it is weak.
"""

from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from scipy.special import expit

from foundation.data.simulate.grid import REST_COUNT, REST_WAVELENGTH

NEBULAR = {
    "OII_3727": 3727.1, "OII_3729": 3729.9, "NeIII_3869": 3869.9, "Hdelta": 4102.9, "Hgamma": 4341.7, "Hbeta": 4862.7,
    "OIII_4960": 4960.3, "OIII_5008": 5008.2, "HeI_5877": 5877.3, "OI_6302": 6302.0, "NII_6549": 6549.9,
    "Halpha": 6564.6, "NII_6585": 6585.3, "SII_6718": 6718.3, "SII_6732": 6732.7,
}  # fmt: skip
BALMER = (6564.6, 4862.7, 4341.7, 4102.9, 3971.2, 3890.2, 3836.5, 3798.9, 3771.7, 3751.2)
BALMER_DEPTH = (0.8, 1.0, 1.05, 1.05, 1.0, 0.9, 0.75, 0.6, 0.45, 0.35)
# (centre, sigma, equivalent width relative to the group's unit), all in Å
GROUPS: dict[str, tuple[tuple[float, float, float], ...]] = {
    "calcium": ((3934.8, 4.5, 9.0), (3969.6, 4.0, 8.0), (4227.9, 1.5, 1.0)),
    "gband": ((4305.0, 12.0, 6.0), (4383.0, 5.0, 1.5)),
    "magnesium": (
        (5168.7, 2.0, 1.3), (5174.1, 2.0, 1.7), (5185.0, 2.0, 1.5), (5150.0, 25.0, 1.5),
        (2796.4, 3.0, 6.0), (2803.5, 3.0, 6.0),
    ),
    "sodium": ((5891.6, 1.2, 1.7), (5897.6, 1.2, 1.3), (8185.5, 1.5, 0.6), (8197.1, 1.5, 0.9)),
    "triplet": ((8500.4, 2.0, 1.5), (8544.4, 2.5, 3.0), (8664.5, 2.3, 2.6)),
    "helium": (
        (4027.3, 3.0, 0.7), (4472.7, 3.0, 1.0), (4923.3, 2.5, 0.5), (5877.3, 2.5, 0.6), (6680.0, 2.5, 0.5),
        (7067.2, 2.5, 0.4),
    ),
    "helium_wide": (
        (4027.3, 25.0, 12.0), (4472.7, 28.0, 20.0), (4923.3, 18.0, 8.0), (5017.1, 15.0, 5.0), (5877.3, 30.0, 15.0),
        (6680.0, 25.0, 8.0),
    ),
    "cah": ((6382.0, 15.0, 4.0), (6780.0, 30.0, 10.0), (6930.0, 40.0, 14.0)),
}  # fmt: skip
TIO_HEADS = (4761.0, 4954.0, 5167.0, 5448.0, 5847.0, 6158.0, 6651.0, 7053.0, 7126.0, 7589.0, 8206.0, 8432.0, 8859.0)
TIO_DEPTH = (0.5, 0.7, 0.7, 0.5, 0.6, 0.8, 0.6, 1.0, 0.5, 0.9, 0.6, 0.7, 0.8)
IRON_LINES = 600  # a fixed pseudo line list: denser and stronger to the blue, as the real one


def gaussians(lines: Iterable[tuple[float, float, float]], wavelength: np.ndarray) -> np.ndarray:
    """Optical depth at wavelengths of lines (centre, sigma, equivalent width while weak), all in Å."""
    depth = np.zeros(len(wavelength))
    for centre, sigma, width in lines:
        near = slice(*np.searchsorted(wavelength, (centre - 6 * sigma, centre + 6 * sigma)))
        offset = (wavelength[near] - centre) / sigma
        depth[near] += width / (np.sqrt(2 * np.pi) * sigma) * np.exp(-0.5 * offset**2)
    return depth


def _balmer(width: float) -> np.ndarray:
    """Pressure-broadened wings: Moffat profiles of half-width `width` Å, unit depth at Hβ."""
    depth = np.zeros(REST_COUNT)
    for centre, strength in zip(BALMER, BALMER_DEPTH, strict=True):
        depth += strength * (1 + ((REST_WAVELENGTH - centre) / width) ** 2) ** -1.5
    return depth


def _titanium_oxide() -> np.ndarray:
    """Bands that start sharply at the head and fade over about 150 Å to the red."""
    depth = np.zeros(REST_COUNT)
    for head, strength in zip(TIO_HEADS, TIO_DEPTH, strict=True):
        past = REST_WAVELENGTH - head
        depth += strength * np.exp(-np.maximum(past, 0) / 150) * expit(past / 4)
    return depth


@lru_cache(maxsize=1)
def iron_blends() -> tuple[tuple[float, float, float], ...]:
    """Centre, sigma and equivalent width of the blends of lines that galaxies and faint stars show."""
    draw = np.random.default_rng(26)  # a line list is a constant of nature here: the same for every seed of the survey
    centre = 3300 * (9000 / 3300) ** draw.power(0.6, IRON_LINES)
    width = draw.gamma(1.0, 0.25, IRON_LINES) * np.clip(5200 / centre, 0.4, 1.6) ** 2
    return tuple(zip(centre.tolist(), draw.uniform(0.9, 1.6, IRON_LINES).tolist(), width.tolist(), strict=True))


@lru_cache(maxsize=1)
def absorption() -> dict[str, np.ndarray]:
    """Optical depth tables [REST_COUNT] by group name; built once."""
    tables = {name: gaussians(lines, REST_WAVELENGTH) for name, lines in GROUPS.items()}
    tables |= {"balmer_narrow": _balmer(3.0), "balmer_wide": _balmer(11.0), "balmer_white_dwarf": _balmer(40.0)}
    tables |= {"titanium_oxide": _titanium_oxide(), "iron": gaussians(iron_blends(), REST_WAVELENGTH)}
    tables["balmer_jump"] = expit((3690 - REST_WAVELENGTH) / 18)
    tables["blanketing"] = np.maximum(4300 - REST_WAVELENGTH, 0) / 700
    return tables
