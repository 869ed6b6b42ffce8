"""Source: one object before any instrument looks at it, the common cause of its image, spectrum and catalogue."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from foundation.data.simulate.dust import dimming, milky_way
from foundation.data.simulate.galaxy import PIVOT, Galaxy, draw_galaxy, galaxy_spectrum, line_ratios
from foundation.data.simulate.grid import (
    COUNT,
    H_BAND,
    INFRARED,
    LIGHT_KMS,
    OBSERVED,
    RESOLVED,
    WAVELENGTH,
    Lattice,
    resolved,
)
from foundation.data.simulate.quasar import draw_quasar, quasar_spectrum
from foundation.data.simulate.star import draw_star, starlight

KINDS = ("GALAXY", "QSO", "STAR")
POINT_PIVOT = 6400.0  # observed Å at which stars and quasars have their apparent magnitude
FAINTEST = 22.5  # AB magnitude of a galaxy that a spectroscopic survey would still target
AB_FLUX = 10 ** (-0.4 * 48.6) * LIGHT_KMS * 1e13 * 1e17  # f_λ λ² at AB magnitude 0, in 1e-17 erg/s/cm²/Å times Å²


@dataclass(frozen=True)
class Ellipse:
    """A Sérsic profile on the sky.

    Args:
        index: Sérsic's n.
        radius: half-light radius along the major axis, arcsec.
        ratio: of the axes, minor to major.
        angle: of the major axis, radians from x to y.
    """

    index: float
    radius: float
    ratio: float
    angle: float


@dataclass(frozen=True)
class Morphology:
    """How an extended object's light lies on the sky.

    Args:
        body: all light that is not in the bulge.
        bulge: the light of `Source.bulge`, or None.
        arms: amplitude, number, tangent of the pitch angle and phase of a spiral modulation of the body, or None.
    """

    body: Ellipse
    bulge: Ellipse | None = None
    arms: tuple[float, int, float, float] | None = None


@dataclass(frozen=True, eq=False)
class Source:
    """One object above the atmosphere.

    Args:
        kind: "GALAXY", "QSO" or "STAR".
        z: true redshift; of a star, radial velocity over c.
        flux: f_λ [COUNT] on grid.WAVELENGTH, 1e-17 erg/s/cm²/Å, dimmed by the Milky Way.
        bulge: the part of `flux` [COUNT] in the bulge (zero without one).
        infrared: f_λ on grid.INFRARED.
        ebv: Milky Way E(B-V), mag.
        morphology: None for a point source.
        truths: the parameters, for labels.
        narrow: of a star, f_λ on the lattices that resolve its lines.
    """

    kind: str
    subclass: str
    z: float
    flux: np.ndarray
    bulge: np.ndarray
    infrared: np.ndarray
    ebv: float
    morphology: Morphology | None
    truths: Mapping[str, float | str]
    narrow: Mapping[Lattice, np.ndarray] = field(default_factory=dict)

    def light(self, lattice: Lattice) -> np.ndarray:
        """f_λ on a lattice; only a star's is known on those that resolve lines."""
        return self.flux if lattice == OBSERVED else self.narrow[lattice]


def draw_source(kind: str, draw: np.random.Generator) -> Source:
    """One object of the class `kind`."""
    make = {"GALAXY": _galaxy, "QSO": _quasar, "STAR": _star}[kind]
    return make(float(np.clip(draw.exponential(0.04), 0.005, 0.3)), draw)


@lru_cache(maxsize=1)
def _milky_way() -> tuple[np.ndarray, np.ndarray]:
    return milky_way(WAVELENGTH), milky_way(INFRARED)


@lru_cache(maxsize=1)
def _milky_way_h_band() -> np.ndarray:
    return milky_way(H_BAND.wavelength)


@lru_cache(maxsize=1)
def _distances() -> tuple[np.ndarray, np.ndarray]:
    """Redshift -> comoving distance, Mpc, in flat ΛCDM (H0 = 70 km/s/Mpc, Ωm = 0.3)."""
    from astropy.cosmology import FlatLambdaCDM

    z = np.linspace(0, 1.6, 801)
    return z, FlatLambdaCDM(H0=70, Om0=0.3).comoving_distance(z).value  # pyright: ignore


def comoving_distance(z: float) -> float:
    """Comoving distance in Mpc for 0 <= z <= 1.6."""
    return float(np.interp(z, *_distances()))


def flux_density(magnitude: float, wavelength: float) -> float:
    """f_λ in 1e-17 erg/s/cm²/Å at `wavelength` (Å) of an AB magnitude."""
    return AB_FLUX * 10 ** (-0.4 * magnitude) / wavelength**2


def _bright_galaxy(draw: np.random.Generator) -> tuple[Galaxy, float]:
    """A galaxy bright enough to be a target, and its apparent magnitude at the redshifted pivot."""
    while True:
        galaxy = draw_galaxy(draw)
        parsec = comoving_distance(galaxy.z) * (1 + galaxy.z) * 1e6
        apparent = galaxy.magnitude + 5 * np.log10(parsec / 10)
        if apparent < FAINTEST:
            return galaxy, float(apparent)


def _galaxy(ebv: float, draw: np.random.Generator) -> Source:
    galaxy, apparent = _bright_galaxy(draw)
    whole, old, infrared = galaxy_spectrum(galaxy)
    # f_obs(λ(1+z)) = f_rest(λ) (10 pc / d_L)^2 / (1+z)
    scale = flux_density(apparent, PIVOT) / (1 + galaxy.z)
    morphology, bulge_share = draw_morphology(galaxy, draw)
    sky, infrared_sky = (scale * dimming(ebv, curve) for curve in _milky_way())
    ratios = line_ratios(galaxy)
    truths = {
        "magnitude": galaxy.magnitude, "log_mass": galaxy.log_mass, "star_forming": galaxy.star_forming,
        "metallicity": galaxy.metallicity, "ebv_internal": galaxy.ebv, "dispersion": galaxy.dispersion,
        "halpha_width": galaxy.halpha_width, "sersic": morphology.body.index, "radius": morphology.body.radius,
        "log_nii_ha": float(np.log10(ratios["NII_6585"])),
        "log_oiii_hb": float(np.log10(ratios["OIII_5008"] / ratios["Hbeta"])),
    }  # fmt: skip
    return Source(
        "GALAXY", galaxy.subclass, galaxy.z, whole * sky, old * sky * bulge_share,
        infrared * infrared_sky, ebv, morphology, truths,
    )  # fmt: skip


def draw_morphology(galaxy: Galaxy, draw: np.random.Generator) -> tuple[Morphology, float]:
    """Shape from mass and star formation, and the share of the old stars' light that is in the bulge."""
    s = galaxy.star_forming
    log_kpc = 0.25 * (galaxy.log_mass - 10.5) + 0.4 + 0.3 * s + 0.15 * draw.normal()
    radius = 10**log_kpc / (comoving_distance(galaxy.z) / (1 + galaxy.z) * 1e3) * 206265
    radius = float(np.clip(radius, 0.1, 12.0))
    ratio, angle = draw.uniform(0.2 if s > 0.5 else 0.5, 1), draw.uniform(0, np.pi)
    index = float(np.clip(1 + 3 * (1 - s) + 0.3 * draw.normal(), 0.5, 6))
    bulge_fraction = np.clip(1 - s + 0.1 * draw.normal(), 0, 1)
    pitch, phase, amplitude = np.tan(draw.uniform(0.2, 0.5)), draw.uniform(0, 2 * np.pi), draw.uniform(0.2, 0.7)
    arms = (float(amplitude), int(draw.integers(2, 4)), float(pitch), float(phase)) if s > 0.6 else None
    if not 0.1 < bulge_fraction < 0.8:
        return Morphology(Ellipse(index, radius, ratio, angle), None, arms), 0.0
    body = Ellipse(1.0, 1.2 * radius, ratio, angle)
    bulge = Ellipse(float(np.clip(index, 2, 4)), 0.35 * radius, max(ratio, 0.7), angle)
    return Morphology(body, bulge, arms), float(min(bulge_fraction + 0.1, 0.9))


def _scaled(flux: np.ndarray, magnitude: float) -> float:
    """Factor that gives `flux` the AB magnitude at POINT_PIVOT."""
    at = slice(*np.searchsorted(WAVELENGTH, (POINT_PIVOT - 150, POINT_PIVOT + 150)))
    return flux_density(magnitude, POINT_PIVOT) / float(flux[at].mean())


def _quasar(ebv: float, draw: np.random.Generator) -> Source:
    quasar = draw_quasar(draw)
    flux, infrared = quasar_spectrum(quasar, draw)
    scale = _scaled(flux, quasar.magnitude)
    truths = {"fwhm": quasar.fwhm, "slope": quasar.slope}
    sky, infrared_sky = (scale * dimming(ebv, curve) for curve in _milky_way())
    return Source(
        "QSO", quasar.subclass, quasar.z, flux * sky, np.zeros(COUNT), infrared * infrared_sky, ebv, None, truths
    )


def _star(ebv: float, draw: np.random.Generator) -> Source:
    star = draw_star(draw)
    light = starlight(star)
    scale = _scaled(light.flux, float(np.clip(draw.normal(18.5, 1.3), 15, 21.5)))
    truths = {"teff": star.teff, "logg": star.logg, "feh": star.feh, "velocity": star.velocity}
    sky, infrared_sky = (scale * dimming(ebv, curve) for curve in _milky_way())
    h_band = scale * dimming(ebv, _milky_way_h_band())
    narrow = {RESOLVED: light.resolved * resolved(sky), H_BAND: light.h_band * h_band}
    return Source(
        "STAR", star.subclass, star.z, light.flux * sky, np.zeros(COUNT),
        light.infrared * infrared_sky, ebv, None, truths, narrow,
    )  # fmt: skip
