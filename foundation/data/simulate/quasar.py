"""Quasars: a broken power law, broad lines, iron humps, and hydrogen along the line of sight."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from foundation.data.simulate.grid import INFRARED, LIGHT_KMS, PIXEL_KMS, WAVELENGTH, add_line, planck

Z_RANGE = (0.3, 4.5)
BREAK = 4700.0
LYMAN_ALPHA, LYMAN_BETA, LYMAN_LIMIT = 1215.67, 1025.72, 911.76
# name -> (rest Å, mean equivalent width in rest Å, width relative to the object's FWHM)
BROAD = {
    "Lyalpha": (LYMAN_ALPHA, 90.0, 0.9), "NV": (1240.1, 15.0, 1.0), "SiIV": (1398.0, 9.0, 1.1),
    "CIV": (1549.0, 40.0, 1.0), "HeII": (1640.4, 6.0, 1.4), "CIII": (1908.7, 21.0, 1.3),
    "MgII": (2799.1, 32.0, 0.9), "Hdelta": (4102.9, 6.0, 1.0),
    "Hgamma": (4341.7, 13.0, 1.0), "Hbeta": (4862.7, 46.0, 0.9), "Halpha": (6564.6, 190.0, 0.8),
}  # fmt: skip
NARROW = {
    "NeV": (3426.9, 1.0),
    "OII": (3728.6, 1.5),
    "NeIII": (3869.9, 1.5),
    "OIII_4960": (4960.3, 5.0),
    "OIII_5008": (5008.2, 15.0),
}
IRON = ((2080, 60, 0.06), (2420, 110, 0.16), (2570, 80, 0.12), (2950, 110, 0.06), (4570, 70, 0.15), (5270, 90, 0.12))
FOREST_SMOOTHING = 60.0  # km/s
FOREST_SCATTER = 2.2  # of the logarithm of the optical depth


@dataclass(frozen=True)
class Quasar:
    """Parameters of one quasar.

    Args:
        z: redshift.
        slope: of f_λ blueward of 4700 Å (redward it is -0.5).
        fwhm: of the broad lines, km/s.
        blueshift: of C IV, km/s.
        widths: equivalent width of each of BROAD, rest Å.
        narrow: strength of the narrow lines, 1 = mean.
        iron: strength of the Fe II humps, 1 = mean.
        trough: velocity (km/s) and width of a broad absorption trough, or None.
        magnitude: apparent AB magnitude near 6400 Å.
    """

    z: float
    slope: float
    fwhm: float
    blueshift: float
    widths: tuple[float, ...]
    narrow: float
    iron: float
    trough: tuple[float, float] | None
    magnitude: float

    @property
    def subclass(self) -> str:
        """ "BROADLINE" or "BAL"."""
        return "BROADLINE" if self.trough is None else "BAL"


def draw_quasar(draw: np.random.Generator) -> Quasar:
    """A quasar; redshifts are log-normal between 0.3 and 4.5."""
    z = 0.0
    while not Z_RANGE[0] < z < Z_RANGE[1]:
        z = float(np.exp(draw.normal(np.log(1.7), 0.5)))
    scatter = np.exp(0.25 * draw.normal() + 0.15 * draw.normal(size=len(BROAD)))
    trough = (float(draw.uniform(3000, 18000)), float(draw.uniform(1500, 5000))) if draw.random() < 0.1 else None
    return Quasar(
        z,
        slope=-1.5 + 0.3 * draw.normal(),
        fwhm=draw.uniform(2000, 8000),
        blueshift=draw.uniform(0, 1500),
        widths=tuple((scatter * [w for _, w, _ in BROAD.values()]).tolist()),
        narrow=float(np.exp(draw.normal(0, 0.6))),
        iron=float(np.exp(draw.normal(0, 0.4))),
        trough=trough,
        magnitude=float(np.clip(draw.normal(19.7, 1.0), 16.5, 22.0)),
    )


def continuum(quasar: Quasar, wavelength: np.ndarray | float) -> np.ndarray:
    """Power law at rest `wavelength` (Å), 1 at the break, with warm dust beyond 1 µm."""
    slope = np.where(np.less(wavelength, BREAK), quasar.slope, -0.5)
    dust = 0.012 * planck(wavelength, 1300) / planck(20000.0, 1300)
    return np.asarray(np.exp(slope * np.log(wavelength / BREAK)) + dust)


def quasar_spectrum(quasar: Quasar, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """f_λ on WAVELENGTH and INFRARED, in units of the continuum at rest 4700 Å; `draw` places the absorbers."""
    rest = WAVELENGTH / (1 + quasar.z)
    flux = continuum(quasar, rest)
    for centre, width, height in IRON:
        flux += quasar.iron * height * continuum(quasar, float(centre)) * np.exp(-0.5 * ((rest - centre) / width) ** 2)
    for (name, (centre, _, relative)), width in zip(BROAD.items(), quasar.widths, strict=True):
        shift = quasar.blueshift / LIGHT_KMS * {"CIV": 1.0, "SiIV": 0.5, "HeII": 0.8}.get(name, 0.0)
        _add(flux, quasar, centre * (1 - shift), relative * quasar.fwhm / 2.355, width)
    for centre, width in NARROW.values():
        _add(flux, quasar, centre, 250.0, quasar.narrow * width)
    if quasar.trough is not None:
        flux *= broad_absorption(quasar.trough, rest)
    return flux * intergalactic(quasar.z, draw), continuum(quasar, INFRARED / (1 + quasar.z))


def _add(flux: np.ndarray, quasar: Quasar, centre: float, sigma: float, width: float) -> None:
    """A line of rest equivalent width `width`, part of it in a core half as broad: real broad lines are cuspy."""
    area = float(width * continuum(quasar, centre)) * (1 + quasar.z)
    add_line(flux, centre * (1 + quasar.z), sigma, 0.7 * area)
    add_line(flux, centre * (1 + quasar.z), 0.4 * sigma, 0.3 * area)


def broad_absorption(trough: tuple[float, float], rest: np.ndarray) -> np.ndarray:
    """Transmission of an outflow in C IV, Si IV, N V and Lyα."""
    velocity, width = trough
    depth = np.zeros(len(rest))
    for centre, strength in ((1549.0, 2.0), (1398.0, 1.0), (1240.1, 1.5), (LYMAN_ALPHA, 0.7)):
        blue = LIGHT_KMS * (1 - rest / centre)
        depth += strength * np.exp(-np.square(np.square((blue - velocity) / (0.6 * width))))
    return np.exp(-depth)


def effective_depth(z: np.ndarray) -> np.ndarray:
    """Mean optical depth of the Lyα forest: 0.0036 (1 + z)^3.45."""
    return 0.0036 * (1 + z) ** 3.45


@lru_cache(maxsize=1)
def _amplitude() -> tuple[np.ndarray, np.ndarray]:
    """Effective depth -> median optical depth of a log-normal field: -ln <exp(-A exp(scatter g))>, by quadrature."""
    node, weight = np.polynomial.hermite_e.hermegauss(80)
    amplitude = np.geomspace(1e-4, 100, 200)
    mean = np.exp(-amplitude[:, None] * np.exp(FOREST_SCATTER * node)) @ weight / weight.sum()
    return -np.log(mean), amplitude


def intergalactic(z: float, draw: np.random.Generator) -> np.ndarray:
    """Transmission [COUNT] of hydrogen between us and redshift `z`: Lyα and Lyβ forest, and the Lyman limit."""
    last = np.searchsorted(WAVELENGTH, LYMAN_ALPHA * (1 + z))
    through = np.ones(len(WAVELENGTH))
    if last == 0:
        return through
    sigma = FOREST_SMOOTHING / PIXEL_KMS
    reach = np.arange(-int(4 * sigma), int(4 * sigma) + 1)
    kernel = np.exp(-0.5 * (reach / sigma) ** 2)
    field = np.convolve(draw.normal(size=last + len(reach) - 1), kernel / np.sqrt((kernel**2).sum()), "valid")
    absorber = WAVELENGTH[:last] / LYMAN_ALPHA - 1
    depth = np.interp(effective_depth(absorber), *_amplitude()) * np.exp(FOREST_SCATTER * field)
    through[:last] = np.exp(-depth)
    beta = np.searchsorted(WAVELENGTH, LYMAN_BETA * (1 + z))
    shift = np.searchsorted(WAVELENGTH, WAVELENGTH[0] * LYMAN_ALPHA / LYMAN_BETA)
    # Lyβ of the absorber seen in Lyα at a wavelength 1.185 times longer; oscillator strength times wavelength is 0.16
    through[:beta] *= np.exp(-0.16 * depth[shift : shift + beta]) if shift + beta <= last else 1.0
    limit = np.searchsorted(WAVELENGTH, LYMAN_LIMIT * (1 + z))
    through[:limit] *= np.exp(-1.5 * (1 - (WAVELENGTH[:limit] / LYMAN_LIMIT / (1 + z)) ** 3) - 0.3)
    return through
