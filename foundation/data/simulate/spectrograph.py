"""The survey layer: what a spectrograph and its pipeline make of the light, driven by the table in `instrument`."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.sparse import csr_array

from foundation.data.formats import arms
from foundation.data.records import Spectrum
from foundation.data.simulate import airglow
from foundation.data.simulate.grid import COUNT, LOG_START, LOG_STEP, WAVELENGTH
from foundation.data.simulate.instrument import (
    ARM_STEP, CALIBRATION, DICHROIC, FIBRES, IVAR_ERROR, OUTLIERS, SKY_RESIDUAL, SPECTROGRAPHS, Arm, Spectrograph,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Camera:
    """What is the same for all spectra through one arm and fibre; arrays [n] over its pixels.

    Args:
        pixel: numbers on the survey's lattice.
        wavelength: Å.
        lsf_sigma: Å.
        lsf: sparse [n, COUNT], from the fine lattice to pixels.
        sky: airglow and continuum, 1e-17 erg/s/cm²/Å.
        line_share: of the sky that is lines, 0 to 1.
        efficiency: relative, atmosphere included.
    """

    pixel: np.ndarray
    wavelength: np.ndarray
    lsf_sigma: np.ndarray
    lsf: csr_array
    sky: np.ndarray
    line_share: np.ndarray
    efficiency: np.ndarray


@dataclass(frozen=True, eq=False)
class Observation:
    """A measured spectrum with the truth behind it.

    Args:
        spectrum: the record.
        noiseless: [n] what an infinite exposure would have given: line spread and calibration error, no noise.
        sigma: [n] true standard deviation of the noise of ordinary pixels.
    """

    spectrum: Spectrum
    noiseless: np.ndarray
    sigma: np.ndarray


def observe(modality: str, flux: np.ndarray, snr: float, draw: np.random.Generator) -> Observation:
    """Observe f_λ [COUNT] on grid.WAVELENGTH (1e-17 erg/s/cm²/Å) so long that the median signal-to-noise is `snr` per pixel."""
    instrument = SPECTROGRAPHS[modality]
    cameras = _cameras(modality, draw)
    level = _calibration(cameras, draw)
    signal = [camera.lsf @ flux * error for camera, error in zip(cameras, level, strict=True)]
    sigma = [_relative_sigma(instrument, c, s) for c, s in zip(cameras, signal, strict=True)]
    exposure = float(np.median(np.abs(np.concatenate(signal)) / np.concatenate(sigma))) / snr
    sigma = [s * exposure for s in sigma]
    measured = [_measure(instrument, c, f, s, draw) for c, f, s in zip(cameras, signal, sigma, strict=True)]
    if instrument.flags.dichroic and draw.random() < DICHROIC[0]:
        for camera, arm in zip(cameras, measured, strict=True):
            near = (camera.wavelength > DICHROIC[1]) & (camera.wavelength < DICHROIC[2])
            arm.mask[near] |= np.uint32(instrument.flags.dichroic)
    return _joined(instrument, measured, signal, sigma)


@lru_cache(maxsize=64)
def camera(modality: str, arm: int, fibre: float) -> Camera:
    """Arm number `arm` of a survey with line-spread width scaled by `fibre`; built once."""
    instrument = SPECTROGRAPHS[modality]
    shape = instrument.arms[arm]
    margin = instrument.jitter
    pixel = np.arange(instrument.pixel(shape.low) - margin, instrument.pixel(shape.high) + margin + 1)
    wavelength = instrument.wavelength(pixel)
    lsf_sigma = fibre * np.interp(wavelength, (shape.low, shape.high), shape.lsf_sigma)
    lsf = _line_spread(wavelength, lsf_sigma)
    lines, continuum = lsf @ airglow.sky_lines(), airglow.sky_continuum(wavelength)
    efficiency = _efficiency(shape, wavelength)
    return Camera(pixel, wavelength, lsf_sigma, lsf, lines + continuum, lines / (lines + continuum), efficiency)


def _efficiency(arm: Arm, wavelength: np.ndarray) -> np.ndarray:
    """A bump that falls steeply at the arm's ends, times the atmosphere."""
    bump = np.exp(-0.5 * ((wavelength - arm.peak) / arm.width) ** 2)
    edge = np.minimum(wavelength - arm.low, arm.high - wavelength) / 60
    return (0.08 + bump * np.clip(0.5 + 0.5 * np.tanh(edge), 0.05, 1)) * airglow.transmission(wavelength)


def _line_spread(wavelength: np.ndarray, sigma: np.ndarray) -> csr_array:
    """Rows of Gaussian weights over the fine lattice, each of sum 1."""
    centre = (np.log10(wavelength) - LOG_START) / LOG_STEP
    spacing = wavelength * np.log(10) * LOG_STEP
    reach = int(np.ceil(5 * (sigma / spacing).max()))
    column = np.clip(np.rint(centre).astype(int)[:, None] + np.arange(-reach, reach + 1), 0, COUNT - 1)
    fine = WAVELENGTH[column]
    weight = fine * np.exp(-0.5 * ((fine - wavelength[:, None]) / sigma[:, None]) ** 2)  # dλ is proportional to λ
    weight /= weight.sum(1, keepdims=True)
    starts = np.arange(0, weight.size + 1, weight.shape[1])
    return csr_array((weight.ravel(), column.ravel(), starts), shape=(len(wavelength), COUNT))


def _cameras(modality: str, draw: np.random.Generator) -> list[Camera]:
    """The arms through a random fibre, the outer ends cut by the file's own jitter."""
    instrument = SPECTROGRAPHS[modality]
    fibre = FIBRES[draw.integers(len(FIBRES))]
    whole = [camera(modality, arm, fibre) for arm in range(len(instrument.arms))]
    if instrument.jitter == 0:
        return whole
    low, high = draw.integers(0, 2 * instrument.jitter + 1, 2)
    cut = [slice(low, None)] + [slice(None)] * (len(whole) - 2) + [slice(None, len(whole[-1].pixel) - high)]
    return [
        Camera(*(getattr(c, name)[part] for name in Camera.__dataclass_fields__))
        for c, part in zip(whole, cut, strict=True)
    ]


def _calibration(cameras: list[Camera], draw: np.random.Generator) -> list[np.ndarray]:
    """Factor [n] per arm: one smooth polynomial over all arms, and a level of each arm."""
    low, high = cameras[0].wavelength[0], cameras[-1].wavelength[-1]
    coefficient = draw.normal(size=4) * draw.uniform(*CALIBRATION) / 2
    level = 1 + ARM_STEP * draw.normal(size=len(cameras))
    place = [2 * (c.wavelength - low) / (high - low) - 1 for c in cameras]
    return [a * (1 + np.polynomial.chebyshev.chebval(x, coefficient)) for a, x in zip(level, place, strict=True)]


def _relative_sigma(instrument: Spectrograph, camera: Camera, signal: np.ndarray) -> np.ndarray:
    """Noise of a unit exposure: detector, sky and the object's own light, over the efficiency."""
    variance = instrument.read_variance + camera.sky + instrument.gain * np.abs(signal)
    return np.sqrt(variance / camera.efficiency)


def correlated(count: int, correlation: float, draw: np.random.Generator) -> np.ndarray:
    """Unit-variance normal noise [count] whose neighbours correlate by `correlation` (at most 0.7), by three taps."""
    middle = (1 + np.sqrt(1 - 2 * correlation**2)) / 2
    side = np.sqrt((1 - middle) / 2)
    white = draw.normal(size=count + 2)
    return side * (white[:-2] + white[2:]) + np.sqrt(middle) * white[1:-1]


def _measure(
    instrument: Spectrograph, camera: Camera, signal: np.ndarray, sigma: np.ndarray, draw: np.random.Generator
) -> arms.Arm:
    """One arm of one exposure: noise, airglow residuals, misreported inverse variance, rejected pixels."""
    n = len(signal)
    noise = correlated(n, instrument.correlation, draw)
    noise[draw.random(n) < OUTLIERS[0]] *= OUTLIERS[1]
    noise += SKY_RESIDUAL * draw.normal() * camera.line_share
    flux = signal + sigma * noise
    ivar = np.clip(1 + IVAR_ERROR * draw.normal(), 0.6, 1.4) / sigma**2
    mask = np.zeros(n, np.uint32)
    bright = camera.sky > instrument.bright_sky * airglow.sky_continuum(camera.wavelength)
    mask[bright] |= np.uint32(instrument.flags.bright_sky)
    _reject(instrument, flux, ivar, mask, draw)
    if draw.random() < instrument.missing_arm:
        mask[:], ivar[:], flux[:] = instrument.flags.no_arm, 0, 0
    return arms.Arm(
        camera.pixel.astype(float), flux, ivar, mask, (mask & np.uint32(instrument.flags.fatal)) != 0, camera.lsf_sigma
    )


def _reject(
    instrument: Spectrograph, flux: np.ndarray, ivar: np.ndarray, mask: np.ndarray, draw: np.random.Generator
) -> None:
    """Runs of pixels lost to cosmic rays and defects, in place."""
    mean, shortest, longest = instrument.cosmics
    for _ in range(draw.poisson(mean)):
        first, length = draw.integers(len(flux)), draw.integers(shortest, longest + 1)
        run = slice(first, first + length)
        flux[run] = 0
        ivar[run] = 0
        mask[run] |= np.uint32(instrument.flags.rejected)
        mask[max(first - 2, 0) : first + length + 2] |= np.uint32(instrument.flags.near_rejected)


def _joined(
    instrument: Spectrograph, measured: list[arms.Arm], signal: list[np.ndarray], sigma: list[np.ndarray]
) -> Observation:
    """The arms on their common lattice, counted in pixels; the truth with the same weights."""
    whole = arms.join(measured, 1.0)
    good = [(a.ivar > 0) & ~a.bad for a in measured]
    index = [(a.wavelength - whole.wavelength[0]).astype(int) for a in measured]
    truth, weight, variance = np.zeros((3, len(whole.flux)))
    for place, use, light, width, arm in zip(index, good, signal, sigma, measured, strict=True):
        share = np.where(use, arm.ivar, 1e-12)  # a pixel without any measurement still has a truth
        truth[place] += share * light
        variance[place] += share**2 * width**2
        weight[place] += share
    spectrum = Spectrum(
        whole.flux, instrument.wavelength(whole.wavelength), whole.ivar, whole.mask, whole.bad,
        lsf_sigma=whole.lsf_sigma, survey=instrument.survey, frame=instrument.frame,
    )  # fmt: skip
    return Observation(spectrum, truth / weight, np.sqrt(variance) / weight)
