"""The fine wavelength lattice on which objects shine before any instrument looks at them.

Constant in log10 λ (vacuum Å), four points to a BOSS pixel (17.3 km/s), so that the BOSS lattice is every fourth point
and the narrowest lines (25 km/s) are resolved. Rest-frame tables live on the same lattice extended to the blue: a
redshift is then an offset and one interpolation.
"""

import numpy as np

LIGHT_KMS = 299792.458
LOG_STEP = 2.5e-5
LOG_START = 3.53  # 3388 Å, blueward of every instrument and filter
COUNT = 20480  # to 11015 Å
REST_EXTRA = 16000  # points blueward of LOG_START, enough for z = 1.5
REST_COUNT = REST_EXTRA + COUNT + 128  # and a few more to the red, for blueshifts
PIXEL_KMS = LIGHT_KMS * np.log(10) * LOG_STEP

WAVELENGTH = 10 ** (LOG_START + LOG_STEP * np.arange(COUNT))  # observed, vacuum Å
REST_WAVELENGTH = 10 ** (LOG_START + LOG_STEP * (np.arange(REST_COUNT) - REST_EXTRA))
INFRARED = np.geomspace(25000.0, 56000.0, 64)  # observed, for the WISE bands, where only the continuum matters


def redshifted(table: np.ndarray, z: float) -> np.ndarray:
    """Rest-frame tables [..., REST_COUNT] seen at redshift `z` (-0.002 to 1.5), on WAVELENGTH [..., COUNT]."""
    place = REST_EXTRA - np.log10(1 + z) / LOG_STEP
    first = int(np.floor(place))
    part = place - first
    return (1 - part) * table[..., first : first + COUNT] + part * table[..., first + 1 : first + 1 + COUNT]


def broadened(flux: np.ndarray, sigma: float) -> np.ndarray:
    """`flux` [COUNT] convolved with a Gaussian velocity distribution of `sigma` km/s."""
    frequency = np.fft.rfftfreq(len(flux))
    kernel = np.exp(-2 * (np.pi * frequency * sigma / PIXEL_KMS) ** 2)
    slope = np.linspace(
        flux[0], flux[-1], len(flux)
    )  # taken out, so that the periodic convolution sees no step at the ends
    return slope + np.fft.irfft(np.fft.rfft(flux - slope) * kernel, len(flux))


def add_line(flux: np.ndarray, centre: float, sigma: float, area: float) -> None:
    """Add a Gaussian line in place: observed `centre` in Å, `sigma` in km/s, integral `area` in flux units times Å."""
    middle = (np.log10(centre) - LOG_START) / LOG_STEP
    reach = 6 * sigma / PIXEL_KMS
    low, high = max(int(middle - reach), 0), min(int(middle + reach) + 2, len(flux))
    if low < high:
        width = centre * sigma / LIGHT_KMS
        offset = (WAVELENGTH[low:high] - centre) / width
        flux[low:high] += area / (np.sqrt(2 * np.pi) * width) * np.exp(-0.5 * offset**2)


def planck(wavelength: np.ndarray | float, temperature: float) -> np.ndarray:
    """Black-body f_λ at `wavelength` (Å), in units of its value at 5500 Å."""
    c2_over_t = 1.438777e8 / temperature  # h c / k in Å K
    return np.asarray((5500 / wavelength) ** 5 * np.expm1(c2_over_t / 5500) / np.expm1(c2_over_t / wavelength))
