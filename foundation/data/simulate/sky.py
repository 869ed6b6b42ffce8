"""SkySurvey: a stream of simulated objects, each seen as an image, spectra, photometry and a redshift."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from foundation.data.records import Record, Sample, Scalar, Spectrum
from foundation.data.simulate import camera, photometer, photometry
from foundation.data.simulate.instrument import OUTLIERS, SPECTROGRAPHS
from foundation.data.simulate.source import KINDS, Source, draw_source
from foundation.data.simulate.spectrograph import observe
from foundation.errors import FoundationError

GAIA = "spectrum_gaia"
GAIA_SEES, GAIA_SNR = ("QSO", "STAR"), (10.0, 300.0)
SPECTRA = (*SPECTROGRAPHS, GAIA)  # all there are
OF_ALL = ("spectrum_sdss", "spectrum_desi")  # those that observe every class of object
BLUE = 5500.0  # K, above which stars have colours among which quasars are looked for
CANDIDATES = (0.1, 0.8)  # share of cooler and of hotter stars that were taken for quasars
CATASTROPHE = 0.01  # fraction of redshifts that are confidently wrong
UNSURE_SNR = 2.0  # below it most redshifts fail
CALIBRATION = 0.02  # scatter of the catalogue's zero points, as a fraction
UNRESOLVED = 0.25  # arcsec: the catalogue has no shape of what is smaller
# each has its own random stream, so what one instrument does changes no other
PARTS = (
    "source", "image", "spectrum_sdss", "spectrum_desi", "catalogue", "spectrum_galah", "spectrum_apogee", GAIA,
    "targets",
)  # fmt: skip


@dataclass(frozen=True)
class SkySurvey:
    """Simulated cross-matched surveys; `sample(index)` is a pure function of this object and `index`.

    Args:
        seed: of the whole sky.
        galaxies: relative frequency of the class, as the next two.
        quasars: the same.
        stars: the same.
        spectra: which of SPECTRA are observed; GALAH and APOGEE observe stars only, Gaia no galaxies.
        image_size: side of the cut-out in pixels of 0.262 arcsec; 0 = no images.
        snr: range of the median signal-to-noise per pixel of SDSS and DESI, drawn log-uniformly; others have their own.
        bright_fraction: of spectra with signal-to-noise from the range's end up to 500.
        segmap: whether a map of the pixels that the object itself rules goes with each image, for segmentation.
        missing_image: probability that there is no image.
        missing_spectrum: the same of each spectrum, but one of them always stays.
        missing_scalar: the same of each catalogue entry.
        outliers: fraction of a spectrograph's pixels whose noise is five times what is reported; without them the truth
            has a chi-squared of 1 a pixel, with them of 1.24.
    """

    seed: int = 0
    galaxies: float = 0.62
    quasars: float = 0.18
    stars: float = 0.20
    spectra: tuple[str, ...] = OF_ALL
    image_size: int = 64
    segmap: bool = False
    snr: tuple[float, float] = (0.5, 30.0)
    bright_fraction: float = 0.03
    missing_image: float = 0.05
    missing_spectrum: float = 0.2
    missing_scalar: float = 0.2
    outliers: float = OUTLIERS[0]

    def __post_init__(self) -> None:
        mix = (self.galaxies, self.quasars, self.stars)
        if min(mix) < 0 or sum(mix) <= 0:
            raise FoundationError(
                f"The classes have weights {mix}, wanted numbers >= 0, not all 0. Try --galaxies 3 --stars 1."
            )
        if unknown := [name for name in self.spectra if name not in SPECTRA]:
            raise FoundationError(f"There is no spectrograph {unknown[0]!r}. Choose from {', '.join(SPECTRA)}.")
        if not 0 < self.snr[0] <= self.snr[1]:
            raise FoundationError(f"The signal-to-noise range is {self.snr}, wanted 0 < low <= high. Try (0.5, 30).")

    def samples(self, count: int, start: int = 0) -> Iterator[Sample]:
        """Samples start, start + 1, ... of which there are `count`."""
        return map(self.sample, range(start, start + count))

    def source(self, index: int) -> Source:
        """The object itself, before any instrument; the same whatever else this survey observes."""
        draw = self._stream(index, "source")
        mix = np.array([self.galaxies, self.quasars, self.stars])
        kind = KINDS[int(draw.choice(3, p=mix / mix.sum()))]
        return draw_source(kind, draw)

    def sample(self, index: int) -> Sample:
        """Object number `index`: records and truths.

        Labels: class, subclass, z, snr, z_warning, and the class's parameters (log_mass, star_forming, teff, ...).
        """
        source = self.source(index)
        spectra = self._spectra(index, source)
        quality = next((r.snr for r in spectra.values() if isinstance(r, Spectrum)), 0.0)
        fluxes, bulge = photometry.optical_fluxes(np.stack([source.flux, source.bulge]))
        records: dict[str, Record] = {**self._image(index, source, fluxes, bulge), **spectra}
        draw = self._stream(index, "catalogue")
        catalogue, warning = self._catalogue(source, fluxes, quality, draw)
        ra, dec = float(draw.uniform(0, 360)), float(np.degrees(np.arcsin(draw.uniform(-0.3, 1))))
        labels = {
            "class": source.kind,
            "subclass": source.subclass,
            "z": source.z,
            "z_warning": warning,
            "snr": quality,
            **source.truths,
        }
        origin = {"survey": "simulated", "seed": self.seed, "row": index, "ra": ra, "dec": dec}
        return Sample(f"sky-{self.seed}-{index:08d}", records | catalogue, labels, origin)

    def _stream(self, index: int, part: str) -> np.random.Generator:
        return np.random.default_rng([self.seed, index, PARTS.index(part)])

    def _spectra(self, index: int, source: Source) -> dict[str, Record]:
        seen = [name for name in self.spectra if source.kind in _targets(name)]
        draws = {name: self._stream(index, name) for name in seen}
        is_candidate = _is_candidate(source, self._stream(index, "targets"))
        absent = {name: draw.random() < self.missing_spectrum for name, draw in draws.items()}
        records: dict[str, Record] = {}
        for name in [name for name in seen if not absent[name]] or seen[:1]:
            snr = self._exposure(name, draws[name])
            if name == GAIA:
                records |= photometer.expose(source.flux, snr, draws[name]).records
            else:
                light = source.light(SPECTROGRAPHS[name].light)
                records[name] = observe(name, light, snr, draws[name], self.outliers, is_candidate).spectrum
        return records

    def _exposure(self, name: str, draw: np.random.Generator) -> float:
        """Signal-to-noise to reach."""
        own = GAIA_SNR if name == GAIA else SPECTROGRAPHS[name].snr
        low, high = own or self.snr
        if own is None and draw.random() < self.bright_fraction:
            low, high = high, max(high, 500.0)
        return float(np.exp(draw.uniform(np.log(low), np.log(high))))

    def _image(self, index: int, source: Source, fluxes: np.ndarray, bulge: np.ndarray) -> dict[str, Record]:
        draw = self._stream(index, "image")
        if self.image_size == 0 or draw.random() < self.missing_image:
            return {}
        fwhm = camera.draw_fwhm(draw)
        own, others = camera.lights_of(fluxes, bulge, source.morphology), camera.draw_neighbours(self.image_size, draw)
        clean = camera.render(own + others, fwhm, self.image_size)
        records: dict[str, Record] = {"image": camera.expose(clean, fwhm, draw)}
        if self.segmap:
            alone = camera.render(own, fwhm, self.image_size)
            records["segmap"] = camera.ruled(alone, clean)
        return records

    def _catalogue(
        self, source: Source, fluxes: np.ndarray, snr: float, draw: np.random.Generator
    ) -> tuple[dict[str, Record], int]:
        """Photometry, shape, dust and redshift as a catalogue gives them, and the redshift's warning bits."""
        entries = [*_fluxes(source, fluxes, draw), *_shape(source, fluxes, draw), Scalar(source.ebv, "ebv", "mag")]
        records: dict[str, Record] = {e.name: e for e in entries if draw.random() >= self.missing_scalar}
        redshift, warning = _redshift(source, snr, draw)
        if warning == 0 and draw.random() >= self.missing_scalar:
            records["redshift"] = redshift
        return records, warning


def _is_candidate(source: Source, draw: np.random.Generator) -> bool:
    """Whether a survey chose the object as a quasar: all quasars, and most of the blue stars."""
    if source.kind != "STAR":
        return source.kind == "QSO"
    return bool(draw.random() < CANDIDATES[float(source.truths["teff"]) > BLUE])


def _targets(name: str) -> tuple[str, ...]:
    """Classes of objects that an instrument observes."""
    return GAIA_SEES if name == GAIA else SPECTROGRAPHS[name].targets


def _fluxes(source: Source, fluxes: np.ndarray, draw: np.random.Generator) -> Iterator[Scalar]:
    """g, r, i, z, W1, W2 in nMgy; an extended object's sky noise grows with its area."""
    radius = source.morphology.body.radius if source.morphology else 0.0
    bands = photometry.OPTICAL + photometry.WISE
    for band, flux in zip(bands, (*fluxes, *photometry.wise_fluxes(source.infrared)), strict=True):
        spread = 1.0 if band in photometry.WISE else np.sqrt(1 + 2 * radius**2)
        sky = photometry.sigma_of_depth(band) * spread
        sigma = float(np.hypot(sky, CALIBRATION * flux))
        yield Scalar(float(flux + sigma * draw.normal()), f"flux_{band}", "nmgy", sigma)


def _shape(source: Source, fluxes: np.ndarray, draw: np.random.Generator) -> Iterator[Scalar]:
    """Half-light radius and ellipticity of what is resolved."""
    noise = draw.normal(size=3)
    if source.morphology is None:
        return
    body = source.morphology.body
    error = 0.03 + 0.5 * photometry.sigma_of_depth("r") / max(float(fluxes[1]), 0.05)  # relative
    radius = body.radius * float(np.exp(error * noise[0]))
    if radius < UNRESOLVED:
        return
    ellipticity = (1 - body.ratio) / (1 + body.ratio)
    yield Scalar(radius, "shape_r", "arcsec", error * radius)
    for name, part, scatter in (("shape_e1", np.cos, noise[1]), ("shape_e2", np.sin, noise[2])):
        value = ellipticity * part(2 * body.angle) + error * scatter
        yield Scalar(float(np.clip(value, -1, 1)), name, "", error)


def _redshift(source: Source, snr: float, draw: np.random.Generator) -> tuple[Scalar, int]:
    """The pipeline's redshift: fails silently for a few, and with a warning for most faint spectra."""
    sigma = 1e-4 * (1 + source.z) / np.sqrt(max(snr, 0.1))
    value = source.z + sigma * draw.normal()
    if draw.random() < CATASTROPHE:
        value = float(draw.uniform(0, 2))
    failed = draw.random() < np.exp(-snr / UNSURE_SNR)
    return Scalar(float(value), "redshift", "", float(sigma)), (1 << 2) if failed else 0  # SMALL_DELTA_CHI2
