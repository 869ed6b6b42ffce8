"""Galaxies: star-forming fraction, mass, metallicity and dust give a spectrum with stellar light, lines and a bulge."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import expit

from foundation.data.simulate.dust import calzetti, dimming
from foundation.data.simulate.grid import INFRARED, REST_WAVELENGTH, add_line, broadened, planck, redshifted
from foundation.data.simulate.lines import NEBULAR
from foundation.data.simulate.star import depth

Z_RANGE = (0.01, 1.5)
PIVOT = 6200.0  # rest Å at which absolute magnitudes are defined
BALMER_RATIOS = {"Halpha": 1.0, "Hbeta": 1 / 2.86, "Hgamma": 0.468 / 2.86, "Hdelta": 0.259 / 2.86}  # to Hα, case B
NEBULAR_TO_STELLAR = 2.27  # reddening of lines over that of starlight: 1 / 0.44


@dataclass(frozen=True)
class Galaxy:
    """Parameters of one galaxy.

    Args:
        z: redshift.
        star_forming: star-forming fraction s, 0 (passive) to 1.
        magnitude: absolute AB magnitude at rest 6200 Å, after dust.
        log_mass: log10 of the stellar mass in suns.
        metallicity: 12 + log(O/H).
        ebv: E(B-V) of the starlight, mag.
        dispersion: stellar velocity dispersion, km/s.
        halpha_width: equivalent width of Hα, rest Å.
        agn: whether the lines are those of a type-2 nucleus.
        weights: light fractions at 5500 Å of the populations of `populations`, before dust.
    """

    z: float
    star_forming: float
    magnitude: float
    log_mass: float
    metallicity: float
    ebv: float
    dispersion: float
    halpha_width: float
    agn: bool
    weights: tuple[float, ...]

    @property
    def subclass(self) -> str:
        """ "AGN", "STARFORMING" or "PASSIVE"."""
        if self.agn:
            return "AGN"
        return "STARFORMING" if self.halpha_width > 10 else "PASSIVE"


def draw_galaxy(draw: np.random.Generator) -> Galaxy:
    """A galaxy; passive and star-forming ones are two peaks of one sequence."""
    z = 0.0
    while not Z_RANGE[0] < z < Z_RANGE[1]:
        z = draw.gamma(2.2, 0.12)
    s = draw.beta(0.6, 0.6)
    magnitude = -23.2 + 1.6 * s + 1.1 * draw.normal()
    log_mass = 10.9 - 0.4 * (magnitude + 22) - 0.5 * s + 0.1 * draw.normal()
    metallicity = 8.7 + 0.2 * (log_mass - 10) + 0.1 * draw.normal()
    agn = draw.random() < 0.05
    halpha = 120 * s**2 * 10 ** (0.2 * draw.normal())
    rich = np.clip(0.5 + 0.8 * (metallicity - 8.8), 0, 1)
    light = np.array([(1 - rich) * (1.1 - s), rich * (1.1 - s), 0.15 + 0.45 * s, 0.01 + 0.5 * s**2])
    light *= np.exp(0.25 * draw.normal(size=4))
    return Galaxy(
        z, s, magnitude, log_mass, metallicity,
        ebv=0.05 + 0.25 * s * draw.random(),
        dispersion=float(np.clip(10 ** (2.2 + 0.25 * (log_mass - 10.8)), 40, 400)),
        halpha_width=max(halpha, 15 * draw.uniform(1, 4)) if agn else halpha,
        agn=agn,
        weights=tuple((light / light.sum()).tolist()),
    )  # fmt: skip


def _old(wavelength: np.ndarray) -> np.ndarray:
    """4300 K and 5800 K black bodies with a 45 % step at 3990 Å, and another in the near ultraviolet."""
    smooth = 0.6 * planck(wavelength, 4300) + 0.4 * planck(wavelength, 5800)
    step = 1 - 0.45 * expit((3990 - wavelength) / 25)
    return smooth * step * (1 - 0.4 * expit((2640 - wavelength) / 60))


@lru_cache(maxsize=1)
def populations() -> np.ndarray:
    """Rest f_λ [4, REST_COUNT] of old metal-poor, old metal-rich, intermediate and young stars, 1 near 5500 Å."""
    metals = {
        "calcium": 1.0,
        "gband": 1.0,
        "magnesium": 1.2,
        "sodium": 0.8,
        "triplet": 1.0,
        "iron": 1.2,
        "titanium_oxide": 0.05,
    }
    poor = {name: 0.55 * strength for name, strength in metals.items()}
    rich = {name: 1.35 * strength for name, strength in metals.items()}
    middle = {"balmer_wide": 0.55, "balmer_jump": 0.35, "calcium": 0.35, "magnesium": 0.3, "iron": 0.4, "triplet": 0.6}
    young = {"balmer_wide": 0.15, "balmer_jump": 0.1, "helium": 0.4}
    continua = [_old(REST_WAVELENGTH)] * 2 + [planck(REST_WAVELENGTH, 8500), planck(REST_WAVELENGTH, 22000)]
    return np.stack([c * np.exp(-depth(g)) for c, g in zip(continua, (poor, rich, middle, young), strict=True)])


@lru_cache(maxsize=1)
def _with_dust() -> np.ndarray:
    return np.concatenate([populations(), calzetti(REST_WAVELENGTH)[None]])


def _at(wavelength: float) -> np.ndarray:
    """The populations' f_λ at one rest wavelength."""
    return populations()[:, np.searchsorted(REST_WAVELENGTH, wavelength)]


def starlight(galaxy: Galaxy) -> tuple[np.ndarray, np.ndarray]:
    """Dusty f_λ on WAVELENGTH of all stars and of the old ones alone, 1 at rest 6200 Å for all stars together."""
    *stars, dust = redshifted(_with_dust(), galaxy.z)
    weights = np.array(galaxy.weights)
    screen = dimming(galaxy.ebv, dust) / (weights @ _at(PIVOT) * dimming(galaxy.ebv, calzetti(PIVOT)))
    old = broadened((weights[0] * stars[0] + weights[1] * stars[1]) * screen, galaxy.dispersion)
    rest = broadened((weights[2] * stars[2] + weights[3] * stars[3]) * screen, galaxy.dispersion)
    return old + rest, old


def line_ratios(galaxy: Galaxy) -> dict[str, float]:
    """Intrinsic line fluxes over Hα: the BPT sequence in 12 + log(O/H), or a nucleus at (1.2, 8)."""
    oxygen = galaxy.metallicity
    nitrogen = 1.2 if galaxy.agn else 10 ** (-1.4 + 0.9 * (oxygen - 8.2))
    oiii = (8.0 if galaxy.agn else 10 ** (0.9 - 1.1 * (oxygen - 8.3))) / 2.86
    oii = 10 ** (0.0 - 0.6 * (oxygen - 8.6))
    sulphur = 0.7 if galaxy.agn else 0.32
    return BALMER_RATIOS | {
        "OII_3727": 0.43 * oii, "OII_3729": 0.57 * oii, "NeIII_3869": 0.08 * oiii, "OIII_5008": oiii,
        "OIII_4960": oiii / 2.98, "HeI_5877": 0.04, "OI_6302": 0.2 if galaxy.agn else 0.04, "NII_6585": nitrogen,
        "NII_6549": nitrogen / 3.05, "SII_6718": 0.57 * sulphur, "SII_6732": 0.43 * sulphur,
    }  # fmt: skip


def add_nebula(flux: np.ndarray, galaxy: Galaxy) -> None:
    """Add the emission lines to starlight of unit flux at rest 6200 Å, in place."""
    weights = np.array(galaxy.weights)
    halpha = NEBULAR["Halpha"]
    screen = dimming(galaxy.ebv, calzetti(np.array([halpha, PIVOT])))
    area = float(galaxy.halpha_width * (weights @ _at(halpha - 40)) / (weights @ _at(PIVOT)) * screen[0] / screen[1])
    sigma = max(0.6 * galaxy.dispersion, 25.0)
    reddening = dimming(NEBULAR_TO_STELLAR * galaxy.ebv, _nebular_dust())
    ratios = line_ratios(galaxy)
    for (name, centre), passed in zip(NEBULAR.items(), reddening, strict=True):
        add_line(flux, centre * (1 + galaxy.z), sigma, area * ratios[name] * passed * (1 + galaxy.z))


@lru_cache(maxsize=1)
def _nebular_dust() -> np.ndarray:
    """Dust curve at each line of NEBULAR relative to Hα."""
    return calzetti(np.array(list(NEBULAR.values()))) - calzetti(NEBULAR["Halpha"])


def galaxy_spectrum(galaxy: Galaxy) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """f_λ of the whole galaxy and of its old stars on WAVELENGTH, and of the whole on INFRARED; 1 at rest 6200 Å."""
    whole, old = starlight(galaxy)
    add_nebula(whole, galaxy)
    rest = INFRARED / (1 + galaxy.z)
    red = np.stack([_old(rest), _old(rest), planck(rest, 8500), planck(rest, 22000)])
    weights = np.array(galaxy.weights)
    infrared = weights @ red / (weights @ _at(PIVOT)) / dimming(galaxy.ebv, calzetti(PIVOT))
    return whole, old, infrared
