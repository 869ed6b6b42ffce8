"""The fine wavelength lattices on which objects shine before any instrument looks at them.

Constant in log10 λ (vacuum Å), four points to a BOSS pixel (17.3 km/s), so that the BOSS lattice is every fourth point
and the lines of galaxies (25 km/s and more) are resolved. Rest-frame tables live on the same lattice extended to the
blue: a redshift is then an offset and one interpolation. Stars have narrower lines; their light is also kept eight
times as finely (2.2 km/s), in the optical and in the H band, for instruments that resolve them.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

LIGHT_KMS = 299792.458
LOG_STEP = 2.5e-5
LOG_START = 3.53  # 3388 Å, blueward of every instrument and filter
COUNT = 20480  # to 11015 Å
REST_EXTRA = 16000  # points blueward of LOG_START, enough for z = 1.5
REST_COUNT = REST_EXTRA + COUNT + 128  # and a few more to the red, for blueshifts
PIXEL_KMS = LIGHT_KMS * np.log(10) * LOG_STEP
FINER = 8  # points of a resolved lattice to one of the plain one


@dataclass(frozen=True)
class Lattice:
    """Wavelengths in equal steps of log10 λ, vacuum Å."""

    log_start: float
    log_step: float
    count: int

    @cached_property
    def wavelength(self) -> np.ndarray:
        """Å [count]."""
        return 10 ** (self.log_start + self.log_step * np.arange(self.count))

    def place(self, wavelength: np.ndarray | float) -> np.ndarray:
        """Where wavelengths (Å) lie, counted in points."""
        return np.asarray((np.log10(wavelength) - self.log_start) / self.log_step)

    def wider(self, points: int) -> "Lattice":
        """The same with more points at both ends."""
        return Lattice(self.log_start - points * self.log_step, self.log_step, self.count + 2 * points)


OBSERVED = Lattice(LOG_START, LOG_STEP, COUNT)
RESOLVED = Lattice(LOG_START - LOG_STEP * (FINER - 1) / (2 * FINER), LOG_STEP / FINER, COUNT * FINER)
H_BAND = Lattice(4.1788, LOG_STEP / FINER, 16608)  # 15094 to 17010 Å
WAVELENGTH = OBSERVED.wavelength
REST_WAVELENGTH = 10 ** (LOG_START + LOG_STEP * (np.arange(REST_COUNT) - REST_EXTRA))
INFRARED = np.geomspace(25000.0, 56000.0, 64)  # observed, for the WISE bands, where only the continuum matters


def redshifted(table: np.ndarray, z: float, lattice: Lattice = OBSERVED, extra: int = REST_EXTRA) -> np.ndarray:
    """Rest-frame tables seen at redshift `z`, on `lattice` [..., count].

    Args:
        table: [..., points], on the lattice extended by `extra` points to the blue and some to the red.
        z: -0.002 to 1.5 on the observed lattice.
    """
    place = extra - np.log10(1 + z) / lattice.log_step
    first, n = int(np.floor(place)), lattice.count
    part = place - first
    return (1 - part) * table[..., first : first + n] + part * table[..., first + 1 : first + 1 + n]


def resolved(flux: np.ndarray) -> np.ndarray:
    """A smooth `flux` [COUNT] on RESOLVED."""
    return np.interp((np.arange(RESOLVED.count) - (FINER - 1) / 2) / FINER, np.arange(COUNT), flux)


def merged(flux: np.ndarray) -> np.ndarray:
    """Means over the points of RESOLVED around each of WAVELENGTH, [COUNT]: light is conserved."""
    return flux.reshape(COUNT, FINER).mean(1)


def broadened(flux: np.ndarray, sigma: float) -> np.ndarray:
    """`flux` [COUNT] convolved with a Gaussian velocity distribution of `sigma` km/s."""
    frequency = np.fft.rfftfreq(len(flux))
    kernel = np.exp(-2 * (np.pi * frequency * sigma / PIXEL_KMS) ** 2)
    slope = np.linspace(
        flux[0], flux[-1], len(flux)
    )  # taken out, so that the periodic convolution sees no step at the ends
    return slope + np.fft.irfft(np.fft.rfft(flux - slope) * kernel, len(flux))


def add_line(flux: np.ndarray, centre: float, sigma: float, area: float, lattice: Lattice = OBSERVED) -> None:
    """Add a Gaussian line in place: observed `centre` in Å, `sigma` in km/s, integral `area` in flux units times Å."""
    middle, reach = float(lattice.place(centre)), 6 * sigma / (LIGHT_KMS * np.log(10) * lattice.log_step)
    low, high = max(int(middle - reach), 0), min(int(middle + reach) + 2, len(flux))
    if low < high:
        width = centre * sigma / LIGHT_KMS
        offset = (lattice.wavelength[low:high] - centre) / width
        flux[low:high] += area / (np.sqrt(2 * np.pi) * width) * np.exp(-0.5 * offset**2)


def planck(wavelength: np.ndarray | float, temperature: float) -> np.ndarray:
    """Black-body f_λ at `wavelength` (Å), in units of its value at 5500 Å."""
    c2_over_t = 1.438777e8 / temperature  # h c / k in Å K
    return np.asarray((5500 / wavelength) ** 5 * np.expm1(c2_over_t / 5500) / np.expm1(c2_over_t / wavelength))
