"""The imaging survey: a source and its neighbours through atmosphere, telescope and detector, in g, r, i, z."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import fft

from foundation.data.formats import legacy
from foundation.data.records import Image
from foundation.data.simulate.profile import moffat_transform, sersic_transform
from foundation.data.simulate.source import Ellipse, Morphology

BANDS = ("DES-G", "DES-R", "DES-I", "DES-Z")
PIXEL = 0.262  # arcsec
FWHM = np.array([1.29, 1.18, 1.15, 1.11])  # arcsec, DECaLS; i between its neighbours
FWHM_SCATTER = 0.15
PIXEL_SIGMA = np.array([0.0036, 0.008, 0.012, 0.020])  # nMgy a pixel at the survey's depth
DEPTH_SCATTER = 0.15
PHOTONS = 3500.0  # a nanomaggy in the coadd, for the object's own shot noise
NOISE_BLUR = 0.6  # px: resampling correlates the noise
SATURATION = 30.0  # nMgy a pixel
MISSING_BAND, BAD_COLUMN, EDGE = 0.03, 0.03, 0.02  # probabilities, the last two per image
SATURATED = [np.uint32(1 << legacy.SATURATED[band]) for band in "griz"]  # MASKBITS
ALL_MASKED = [np.uint32(1 << legacy.ALL_MASKED[band]) for band in "griz"]


@dataclass(frozen=True, eq=False)
class Light:
    """One thing that shines: nMgy [4] on a shape (None = a point) at (x, y) px from the stamp's centre."""

    fluxes: np.ndarray
    shape: Ellipse | None = None
    x: float = 0.0
    y: float = 0.0
    arms: tuple[float, int, float, float] | None = None


@dataclass(frozen=True, eq=False)
class Waves:
    """Wave numbers (1/px) of the transform of an n x n stamp.

    Args:
        x: [1, n // 2 + 1].
        y: [n, 1].
        k: [m] lengths of the wave vectors, each once.
        which: [n, n // 2 + 1] index into `k`.
        pixel: [n, n // 2 + 1] transform of a square pixel.
    """

    n: int
    x: np.ndarray
    y: np.ndarray
    k: np.ndarray
    which: np.ndarray
    pixel: np.ndarray


@lru_cache(maxsize=4)
def waves(n: int) -> Waves:
    """Wave numbers of an n x n stamp."""
    turns_y, turns_x = np.rint(n * fft.fftfreq(n))[:, None], np.rint(n * fft.rfftfreq(n))[None]
    squares, which = np.unique(turns_x**2 + turns_y**2, return_inverse=True)
    y, x = 2 * np.pi / n * turns_y, 2 * np.pi / n * turns_x
    return Waves(n, x, y, 2 * np.pi / n * np.sqrt(squares), which, np.sinc(turns_x / n) * np.sinc(turns_y / n))


def lights_of(fluxes: np.ndarray, bulge: np.ndarray, morphology: Morphology | None) -> list[Light]:
    """The parts of a source: total and bulge fluxes [4] in nMgy and its shape."""
    if morphology is None:
        return [Light(fluxes)]
    parts = [Light(fluxes - bulge, morphology.body, arms=morphology.arms)]
    return parts + ([Light(bulge, morphology.bulge)] if morphology.bulge else [])


def draw_neighbours(size: int, draw: np.random.Generator) -> list[Light]:
    """None to three unrelated stars and galaxies, away from the centre."""
    lights = []
    for _ in range(draw.choice(4, p=[0.4, 0.3, 0.2, 0.1])):
        radius, angle = draw.uniform(min(12, 0.3 * size), 0.6 * size), draw.uniform(0, 2 * np.pi)
        magnitude = 24 + 1.2 * np.log10(draw.uniform(1e-4, 1))  # counts that double every 0.4 mag
        colours = np.array([draw.normal(0.7, 0.4), 0.0, -draw.normal(0.3, 0.15), -draw.normal(0.5, 0.25)])
        shape = None
        if draw.random() < 0.6:
            shape = Ellipse(
                draw.uniform(0.7, 4), 0.7 * np.exp(draw.normal(0, 0.5)), draw.uniform(0.3, 1), draw.uniform(0, np.pi)
            )
        fluxes = 10 ** (0.4 * (22.5 - magnitude - colours))
        lights.append(Light(fluxes, shape, radius * np.cos(angle), radius * np.sin(angle)))
    return lights


def render(lights: list[Light], fwhm: np.ndarray, size: int) -> np.ndarray:
    """Noiseless nMgy [4, size, size] of lights through a Moffat atmosphere of `fwhm` [4] arcsec."""
    largest = max((light.shape.radius for light in lights if light.shape), default=0.0)
    n = 2 * size if largest / PIXEL < 0.16 * size else 4 * size  # light that leaves the transform's stamp comes back in
    grid = waves(n)
    total = np.zeros((len(fwhm), n, n // 2 + 1), complex)
    for light in lights:
        total += light.fluxes[:, None, None] * _transform(light, grid, (size - 1) / 2)
    for plane, width in zip(total, fwhm / PIXEL, strict=True):
        plane *= moffat_transform(width, grid.k)[grid.which]
    rows = np.asarray(fft.ifft(total, axis=1))[:, :size]
    return np.asarray(fft.irfft(rows, n, axis=2))[:, :, :size]


def _transform(light: Light, grid: Waves, centre: float) -> np.ndarray:
    """Transform [n, n // 2 + 1] of unit flux, with the pixel but without the atmosphere."""
    shift = np.exp(-1j * grid.y * (centre + light.y)) * np.exp(-1j * grid.x * (centre + light.x))
    if light.shape is None:
        return shift * grid.pixel
    cos, sin, radius = np.cos(light.shape.angle), np.sin(light.shape.angle), light.shape.radius / PIXEL
    major, minor = grid.x * cos + grid.y * sin, grid.y * cos - grid.x * sin
    smooth = sersic_transform(light.shape.index, radius * np.hypot(major, light.shape.ratio * minor))
    transform = smooth * grid.pixel * shift
    return _spiral(light, light.shape, transform, grid, centre) if light.arms and radius > 4 else transform


def _spiral(light: Light, shape: Ellipse, transform: np.ndarray, grid: Waves, centre: float) -> np.ndarray:
    """Wind logarithmic arms into a disc without changing its flux: I (1 + A cos(m (φ - φ0 - ln r / tan p)))."""
    amplitude, number, pitch, phase = light.arms  # type: ignore[misc]
    disc = np.asarray(fft.irfft2(transform, (grid.n, grid.n)))
    place = (np.arange(grid.n) - centre + grid.n / 2) % grid.n - grid.n / 2  # distances on the periodic stamp
    y, x = place[:, None] - light.y, place[None] - light.x
    major = x * np.cos(shape.angle) + y * np.sin(shape.angle)
    minor = (y * np.cos(shape.angle) - x * np.sin(shape.angle)) / shape.ratio
    r = np.hypot(major, minor) / (shape.radius / PIXEL)
    wind = np.cos(number * (np.arctan2(minor, major) - phase - np.log(r + 0.1) / pitch))
    wound = disc * (1 + amplitude * (1 - np.exp(-((r / 0.4) ** 2))) * wind)
    return np.asarray(fft.rfft2(wound * (disc.sum() / wound.sum())))


def expose(clean: np.ndarray, fwhm: np.ndarray, draw: np.random.Generator) -> Image:
    """Add noise and defects to noiseless nMgy [4, y, x]; drop a band now and then."""
    depth = PIXEL_SIGMA * np.exp(DEPTH_SCATTER * draw.normal(size=4))
    variance = depth[:, None, None] ** 2 + np.maximum(clean, 0) / PHOTONS
    flux = clean + np.sqrt(variance) * blurred_noise(clean.shape, draw)
    ivar, mask = 1 / variance, np.zeros(clean.shape, np.uint32)
    _spoil(flux, ivar, mask, draw)
    image = Image(flux, BANDS, PIXEL, ivar, mask, mask != 0, tuple(fwhm.tolist()), "legacy")
    kept = [band for band in BANDS if draw.random() >= MISSING_BAND]
    return image if len(kept) in (0, len(BANDS)) else image.select(tuple(kept))


def ruled(alone: np.ndarray, clean: np.ndarray) -> Image:
    """1 where an object by itself is above the noise in r and more than half of the light, both nMgy [4, y, x]."""
    r = BANDS.index("DES-R")
    inside = (alone[r] > PIXEL_SIGMA[r]) & (alone[r] > 0.5 * clean[r])
    return Image(inside[None].astype(np.float32), ("plane",), PIXEL, np.ones((1, *inside.shape)), survey="legacy")


def draw_fwhm(draw: np.random.Generator) -> np.ndarray:
    """Seeing [4] in arcsec."""
    return FWHM * np.clip(1 + FWHM_SCATTER * draw.normal(size=4), 0.6, 1.6)


def blurred_noise(shape: tuple[int, ...], draw: np.random.Generator) -> np.ndarray:
    """Unit-variance noise, white noise blurred by a Gaussian of NOISE_BLUR px along the last two axes."""
    tap = np.exp(-0.5 * (np.arange(-2, 3) / NOISE_BLUR) ** 2).astype(np.float32)
    tap /= np.sqrt((tap**2).sum())
    *lead, rows, columns = shape
    noise = draw.standard_normal((*lead, rows + 4, columns + 4), dtype=np.float32)
    noise = sum(t * noise[..., i : i + rows, :] for i, t in enumerate(tap))
    return sum(t * noise[..., i : i + columns] for i, t in enumerate(tap))  # type: ignore[return-value]


def _spoil(flux: np.ndarray, ivar: np.ndarray, mask: np.ndarray, draw: np.random.Generator) -> None:
    """Saturated cores with their bleeding columns, a dead column, an edge of the coverage; in place."""
    size = flux.shape[-1]
    for band in range(len(flux)):
        core = flux[band] > SATURATION
        bleed = core | (core.sum(0) > 2)[None] if core.any() else core
        mask[band][bleed] |= SATURATED[band] | ALL_MASKED[band]
    if draw.random() < BAD_COLUMN:
        band, column = draw.integers(len(flux)), draw.integers(size)
        mask[band, :, column] |= ALL_MASKED[band]
    if draw.random() < EDGE:
        side, width = draw.integers(2), draw.integers(1, size // 4)
        ivar[:, :, slice(0, width) if side else slice(size - width, None)] = 0
    ivar[mask != 0] = 0
    flux[ivar == 0] = 0
