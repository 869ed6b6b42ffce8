"""The survey layer: what a spectrograph and its pipeline make of the light, driven by the table in `instrument`."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.sparse import csr_array

from foundation.data.formats.arms import join, segments
from foundation.data.records import Spectrum
from foundation.data.simulate import airglow
from foundation.data.simulate.grid import Lattice
from foundation.data.simulate.instrument import (
    ARM_STEP,
    CALIBRATION,
    DICHROIC,
    FIBRES,
    IVAR_ERROR,
    NOISE_AT,
    OUTLIERS,
    PERSISTENT,
    RESPONSE,
    SKY_RESIDUAL,
    SPECTROGRAPHS,
    TILT_PIVOT,
    Arm,
    Spectrograph,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Camera:
    """What is the same for all spectra through one arm and fibre; arrays [n] over its pixels.

    Args:
        pixel: numbers on the arm's grid.
        wavelength: Å.
        lsf_sigma: Å.
        sky: airglow and continuum, 1e-17 erg/s/cm²/Å.
        line_share: of the sky that is lines, 0 to 1.
        efficiency: relative, atmosphere included.
        is_live: whether there is any detector.
    """

    pixel: np.ndarray
    wavelength: np.ndarray
    lsf_sigma: np.ndarray
    sky: np.ndarray
    line_share: np.ndarray
    efficiency: np.ndarray
    is_live: np.ndarray

    def cut(self, part: slice) -> "Camera":
        """The same for some of the pixels."""
        return Camera(*(getattr(self, name)[part] for name in Camera.__dataclass_fields__))


@dataclass(frozen=True, eq=False)
class Observation:
    """A measured spectrum with the truth behind it.

    Args:
        spectrum: the record.
        arms: what was measured in each arm, before they were put together; their `wavelength` counts pixels.
        signals: [n] per arm, what an infinite exposure would give: line spread and calibration error, no noise.
        sigmas: [n] per arm, true standard deviation of the noise of ordinary pixels.
    """

    spectrum: Spectrum
    arms: tuple[Spectrum, ...]
    signals: tuple[np.ndarray, ...]
    sigmas: tuple[np.ndarray, ...]

    @property
    def noiseless(self) -> np.ndarray:
        """The arms' signals put together as the measurement was."""
        truth = [replace(a, flux=f) for a, f in zip(self.arms, self.signals, strict=True)]
        together = segments(truth) if np.any(self.spectrum.segment) else join(truth, 1.0)
        return together.flux


def observe(
    modality: str,
    flux: np.ndarray,
    snr: float,
    draw: np.random.Generator,
    outliers: float = OUTLIERS[0],
    is_quasar_candidate: bool = False,
) -> Observation:
    """Observe an object with a signal-to-noise; its noise is what the usual exposure makes of an object so bright.

    Args:
        modality: a name in `instrument.SPECTROGRAPHS`.
        flux: f_λ on the lattice of the instrument's `light`, 1e-17 erg/s/cm²/Å.
        snr: wanted median signal-to-noise per pixel.
        draw: decides fibre, calibration, noise and defects.
        outliers: fraction of pixels whose noise is five times what is reported.
        is_quasar_candidate: whether it was chosen as a quasar, whatever it is; some surveys centre its fibre elsewhere.
    """
    instrument = SPECTROGRAPHS[modality]
    tilt = instrument.blue_tilt if is_quasar_candidate and instrument.blue_tilt else instrument.tilt
    fibre = FIBRES[draw.integers(len(FIBRES))]
    parts = _extent(instrument, draw)
    cameras = [camera(modality, arm, fibre).cut(part) for arm, part in enumerate(parts)]
    light = [(line_spread(modality, arm, fibre) @ flux)[part] for arm, part in enumerate(parts)]
    signals = [f * error for f, error in zip(light, _calibration(tilt, cameras, draw), strict=True)]
    live = np.concatenate([c.is_live for c in cameras])
    dimmed = _dimmed(instrument, cameras, signals, live, snr)
    sigmas = [_sigma(instrument, c, dimmed * f) / dimmed for c, f in zip(cameras, signals, strict=True)]
    if not instrument.is_calibrated:
        signals, sigmas = ([x * c.efficiency for x, c in zip(each, cameras, strict=True)] for each in (signals, sigmas))
    wrong = instrument.flags.dichroic if draw.random() < DICHROIC[0] else 0
    measured = [
        _measure(instrument, c, f, s, wrong, outliers, draw) for c, f, s in zip(cameras, signals, sigmas, strict=True)
    ]
    return Observation(_together(instrument, measured), tuple(measured), tuple(signals), tuple(sigmas))


def _together(instrument: Spectrograph, measured: list[Spectrum]) -> Spectrum:
    """The arms in one record; so far their wavelengths are numbers of pixels."""
    if instrument.is_joined:
        pixels = join(measured, 1.0)
        return replace(pixels, wavelength=instrument.grids[0].wavelength(pixels.wavelength))
    arms = zip(measured, instrument.grids, strict=True)
    return segments([replace(arm, wavelength=grid.wavelength(arm.wavelength)) for arm, grid in arms])


@lru_cache(maxsize=128)
def camera(modality: str, arm: int, fibre: float) -> Camera:
    """Arm number `arm` of a survey with line-spread width scaled by `fibre`; built once."""
    instrument = SPECTROGRAPHS[modality]
    shape = instrument.arms[arm]
    first, last = instrument.extent(arm)
    pixel = np.arange(first, last + 1, dtype=float)
    wavelength = instrument.grids[arm].wavelength(pixel)
    lsf_sigma = fibre * np.interp(wavelength, (shape.low, shape.high), shape.lsf_sigma)
    lines = gaussian_rows(wavelength, lsf_sigma, instrument.light) @ airglow.sky_lines(instrument.light)
    sky = lines + airglow.sky_continuum(wavelength)
    is_live = (wavelength >= shape.low) & (wavelength <= shape.high) if instrument.pixels else np.full(len(pixel), True)
    return Camera(pixel, wavelength, lsf_sigma, sky, lines / sky, _efficiency(shape, wavelength), is_live)


@lru_cache(maxsize=128)
def line_spread(modality: str, arm: int, fibre: float) -> csr_array:
    """Sparse [n, points]: from the lattice of the instrument's light to the pixels of `camera`; built once."""
    part = camera(modality, arm, fibre)
    return gaussian_rows(part.wavelength, part.lsf_sigma, SPECTROGRAPHS[modality].light)


def _efficiency(arm: Arm, wavelength: np.ndarray) -> np.ndarray:
    """A bump that falls steeply at the arm's ends, times what grows to the red, times the atmosphere."""
    bump = np.exp(-0.5 * ((wavelength - arm.peak) / arm.width) ** 2)
    edge = np.minimum(wavelength - arm.low, arm.high - wavelength) / arm.fall
    response = (wavelength / TILT_PIVOT) ** RESPONSE
    return (arm.left + bump * np.clip(np.tanh(edge), 0.02, 1)) * response * airglow.transmission(wavelength)


def gaussian_rows(wavelength: np.ndarray, sigma: np.ndarray, lattice: Lattice) -> csr_array:
    """Rows of Gaussian weights over a lattice, each of sum 1."""
    spacing = wavelength * np.log(10) * lattice.log_step
    reach = int(np.ceil(5 * (sigma / spacing).max()))
    nearest = np.rint(lattice.place(wavelength)).astype(int)
    column = np.clip(nearest[:, None] + np.arange(-reach, reach + 1), 0, lattice.count - 1)
    fine = lattice.wavelength[column]
    weight = fine * np.exp(-0.5 * ((fine - wavelength[:, None]) / sigma[:, None]) ** 2)  # dλ is proportional to λ
    weight /= weight.sum(1, keepdims=True)
    starts = np.arange(0, weight.size + 1, weight.shape[1])
    return csr_array((weight.ravel(), column.ravel(), starts), shape=(len(wavelength), lattice.count))


def _extent(instrument: Spectrograph, draw: np.random.Generator) -> list[slice]:
    """The pixels of each arm in this file: the outer ends differ from file to file."""
    starts: list[int] = [0] * len(instrument.arms)
    ends: list[int | None] = [None] * len(instrument.arms)
    if instrument.jitter:
        starts[0] = int(draw.integers(2 * instrument.jitter + 1))
        ends[-1] = -1 - int(draw.integers(2 * instrument.jitter + 1))
    return [slice(*ends_of_arm) for ends_of_arm in zip(starts, ends, strict=True)]


def _calibration(tilt: tuple[float, float], cameras: list[Camera], draw: np.random.Generator) -> list[np.ndarray]:
    """Factor [n] per arm: a tilt and a smooth polynomial over all arms, and a level of each arm."""
    low, high = cameras[0].wavelength[0], cameras[-1].wavelength[-1]
    coefficient = draw.normal(size=4) * draw.uniform(*CALIBRATION) / 2
    level = 1 + ARM_STEP * draw.normal(size=len(cameras))
    place = [2 * (c.wavelength - low) / (high - low) - 1 for c in cameras]
    smooth = [1 + np.polynomial.chebyshev.chebval(x, coefficient) for x in place]
    exponent = draw.normal(*tilt)
    return [a * s * (c.wavelength / TILT_PIVOT) ** exponent for a, s, c in zip(level, smooth, cameras, strict=True)]


def _dimmed(
    instrument: Spectrograph, cameras: list[Camera], signals: list[np.ndarray], live: np.ndarray, snr: float
) -> float:
    """Factor on the flux at which the usual exposure has the wanted median signal-to-noise.

    Signal-to-noise grows with the factor in every pixel, so the factor of the median is the median of the factors.
    """
    gain, light = instrument.gain, np.abs(np.concatenate(signals))
    background = np.concatenate([_background(instrument, c) for c in cameras])
    photons = instrument.exposure * np.concatenate([c.efficiency for c in cameras]) / snr**2
    wanted = (gain + np.sqrt(gain**2 + 4 * background * photons)) / (2 * photons)  # flux with that signal-to-noise
    return float(np.median((wanted / np.maximum(light, 1e-12))[live]))


def _sigma(instrument: Spectrograph, camera: Camera, signal: np.ndarray) -> np.ndarray:
    """Noise of the usual exposure: detector, sky and the object's own light."""
    variance = _background(instrument, camera) + instrument.gain * np.abs(signal)
    return np.sqrt(variance / (instrument.exposure * camera.efficiency))


def _background(instrument: Spectrograph, camera: Camera) -> np.ndarray:
    """Detector and sky as flux."""
    return instrument.read_variance + instrument.fibre * camera.sky


def correlated(count: int, correlation: float, draw: np.random.Generator) -> np.ndarray:
    """Unit-variance normal noise [count] whose neighbours correlate by `correlation` (at most 0.7), by three taps."""
    middle = (1 + np.sqrt(1 - 2 * correlation**2)) / 2
    side = np.sqrt((1 - middle) / 2)
    white = draw.normal(size=count + 2)
    return side * (white[:-2] + white[2:]) + np.sqrt(middle) * white[1:-1]


def _measure(
    instrument: Spectrograph,
    camera: Camera,
    signal: np.ndarray,
    sigma: np.ndarray,
    dichroic: int,
    outliers: float,
    draw: np.random.Generator,
) -> Spectrum:
    """One arm of one exposure: noise, airglow residuals, misreported inverse variance, rejected pixels.

    `dichroic` is the wrong flag that this file carries near the arms' border, or 0.
    """
    n = len(signal)
    noise = correlated(n, instrument.correlation, draw)
    noise[draw.random(n) < outliers] *= OUTLIERS[1]
    persistent = slice(0, n // 3 if instrument.persistence and draw.random() < instrument.persistence else 0)
    sigma = np.concatenate([PERSISTENT * sigma[persistent], sigma[persistent.stop :]])
    noise += SKY_RESIDUAL * draw.normal() * camera.line_share
    flux = signal + sigma * noise
    reported = np.interp(camera.wavelength, NOISE_AT, instrument.noise) ** 2
    ivar = reported * np.clip(1 + IVAR_ERROR * draw.normal(), 0.6, 1.4) / sigma**2
    mask = np.zeros(n, np.uint32)
    bright = camera.sky > instrument.bright_sky * airglow.sky_continuum(camera.wavelength)
    mask[bright] |= np.uint32(instrument.flags.bright_sky)
    mask[persistent] |= np.uint32(instrument.flags.persistent)
    mask[(camera.wavelength > DICHROIC[1]) & (camera.wavelength < DICHROIC[2])] |= np.uint32(dichroic)
    _reject(instrument, flux, ivar, mask, draw)
    lost = ~camera.is_live | (draw.random() < instrument.missing_arm)
    mask[lost], ivar[lost], flux[lost] = instrument.flags.no_arm, 0, 0
    bad = (mask & np.uint32(instrument.flags.fatal)) != 0
    return Spectrum(
        flux, camera.pixel, ivar, mask, bad, lsf_sigma=camera.lsf_sigma if instrument.knows_lsf else None,
        survey=instrument.survey, unit=instrument.unit, frame=instrument.frame,
    )  # fmt: skip


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
