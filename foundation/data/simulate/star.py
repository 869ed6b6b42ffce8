"""Stars: dwarfs, giants, white dwarfs, cataclysmic variables; a spectrum from temperature, gravity and metallicity."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import expit

from foundation.data.simulate.grid import (
    H_BAND,
    INFRARED,
    LIGHT_KMS,
    RESOLVED,
    WAVELENGTH,
    add_line,
    merged,
    planck,
    redshifted,
    resolved,
)
from foundation.data.simulate.lines import BALMER, absorption
from foundation.data.simulate.narrow_lines import line_strengths, transmission

CLASSES = ((2400, "M"), (3900, "K"), (5300, "G"), (6000, "F"), (7500, "A"), (10000, "B"))  # coolest temperature of each
KINDS = {"dwarf": 0.76, "giant": 0.14, "white_dwarf": 0.067, "helium_white_dwarf": 0.013, "cataclysmic": 0.02}
DWARFS = ((3300, 0.09), (5800, 0.16), (9000, 0.25))  # teff and its scatter in ln T: M, FGK, A and B
BALMER_DECREMENT = (2.0, 1.0, 0.7, 0.5)  # optically thick disc: flatter than case B


@dataclass(frozen=True)
class Star:
    """Parameters of one star.

    Args:
        kind: one of KINDS.
        teff: effective temperature, K.
        logg: surface gravity, log10 of cm/s².
        feh: metallicity [Fe/H], dex.
        velocity: radial, km/s.
    """

    kind: str
    teff: float
    logg: float
    feh: float
    velocity: float

    @property
    def z(self) -> float:
        """Radial velocity over c."""
        return self.velocity / LIGHT_KMS

    @property
    def subclass(self) -> str:
        """Spectral class letter, "WD" or "CV"."""
        if self.kind not in ("dwarf", "giant"):
            return "CV" if self.kind == "cataclysmic" else "WD"
        return [name for coolest, name in CLASSES if self.teff >= coolest][-1]


def draw_star(draw: np.random.Generator) -> Star:
    """A star of the halo and thick disc as spectroscopic surveys meet it."""
    kind = str(draw.choice(list(KINDS), p=list(KINDS.values())))
    velocity = float(np.clip(draw.normal(0, 50), -500, 500))
    if kind == "giant":
        teff = draw.uniform(3800, 5200)
        logg = 1.0 + 2.5 * (teff - 3800) / 1400 + draw.normal(0, 0.15)
    elif kind == "dwarf":
        centre, scatter = DWARFS[draw.choice(3, p=[0.2, 0.5, 0.3])]
        teff = centre * np.exp(scatter * draw.normal())
        teff, logg = np.clip(teff, 2500, 25000), 4.4 + draw.normal(0, 0.1)
    else:
        teff, logg = np.exp(draw.normal(np.log(14000), 0.35)), 8.0 + draw.normal(0, 0.15)
    return Star(kind, float(teff), float(logg), float(np.clip(draw.normal(-0.6, 0.6), -2.5, 0.5)), velocity)


def bump(teff: float, peak: float, cool: float, hot: float) -> float:
    """A strength that peaks at temperature `peak`, with Gaussian wings of `cool` and `hot` in ln T."""
    offset = np.log(teff / peak)
    return float(np.exp(-0.5 * (offset / (cool if offset < 0 else hot)) ** 2))


def colour_temperature(star: Star) -> float:
    """K of the black body that is as blue as the star between the jumps of Balmer and Paschen.

    Hydrogen's opacity grows to the red there, so that the continuum of Vega (9600 K) is that of about 16000 K.
    """
    if star.kind not in ("dwarf", "giant"):
        return star.teff
    return star.teff * (1 + 0.65 * bump(star.teff, 9600, 0.25, 0.4))


def strengths(star: Star) -> dict[str, float]:
    """Strength of each absorption group of `lines.absorption`, a smooth function of (T, log g, [Fe/H])."""
    teff, metals = star.teff, 10 ** (0.4 * star.feh)
    if star.kind == "helium_white_dwarf":
        return {"helium_wide": bump(teff, 20000, 0.4, 0.5)}
    if star.kind == "white_dwarf":
        return {"balmer_white_dwarf": 1.1 * bump(teff, 13000, 0.45, 0.6)}
    cool = expit((6600 - teff) / 550)  # neutral and singly ionised metals
    wide = expit((teff - 7300) / 500) * np.clip((star.logg - 1) / 3.4, 0.2, 1)
    balmer = 0.12 + 1.0 * bump(teff, 9300, 0.2, 0.45) if teff > 4300 else 0.05
    molecules = expit((3750 - teff) / 130)
    return {
        "balmer_narrow": (1 - wide) * (balmer + 0.5 * bump(teff, 6500, 0.15, 0.15)),
        "balmer_wide": wide * balmer,
        "balmer_jump": 0.9 * bump(teff, 9500, 0.22, 0.4) + 0.1,
        "calcium": metals * (1.2 * cool + 0.08),
        "gband": metals * bump(teff, 5300, 0.18, 0.13),
        "magnesium": metals * 1.8 * bump(teff, 4500, 0.14, 0.2),
        "sodium": metals * (0.5 + 3.0 * expit((4100 - teff) / 250) * (star.logg > 3)) * cool,
        "triplet": metals * (0.9 * cool + 0.15) * (1.3 - 0.08 * star.logg),
        "blanketing": metals * (0.6 + 0.5 * expit((4800 - teff) / 250)) * cool + 0.05,
        "helium": bump(teff, 18000, 0.25, 0.4),
        "titanium_oxide": 1.6 * molecules * (1 + 0.8 * np.clip((3300 - teff) / 500, 0, 1.5)),
        "cah": molecules * (star.logg > 3),
    }


@lru_cache(maxsize=1)
def _stacked() -> tuple[dict[str, int], np.ndarray]:
    tables = absorption()
    return {name: row for row, name in enumerate(tables)}, np.stack(list(tables.values()))


def depth(groups: dict[str, float]) -> np.ndarray:
    """Optical depth [REST_COUNT] of absorption groups, each with its strength."""
    row, tables = _stacked()
    weights = np.zeros(len(tables))
    for name, strength in groups.items():
        weights[row[name]] = strength
    return weights @ tables


@dataclass(frozen=True, eq=False)
class Starlight:
    """f_λ of one star, in units of the black body at 5500 Å.

    Args:
        flux: on grid.WAVELENGTH, the means of `resolved`.
        resolved: on grid.RESOLVED.
        h_band: on grid.H_BAND, at rest: APOGEE's pipeline takes the velocity out.
        infrared: on grid.INFRARED.
    """

    flux: np.ndarray
    resolved: np.ndarray
    h_band: np.ndarray
    infrared: np.ndarray


def starlight(star: Star) -> Starlight:
    """The spectrum of a star; white dwarfs and cataclysmic variables have no narrow lines."""
    if star.kind == "cataclysmic":
        flux, infrared = _cataclysmic(star), planck(INFRARED, star.teff)
        return Starlight(flux, resolved(flux), planck(H_BAND.wavelength, star.teff), infrared)
    continuum = planck(WAVELENGTH / (1 + star.z), colour_temperature(star))
    smooth = continuum * np.exp(-redshifted(depth(strengths(star)), star.z))
    light, h_band = resolved(smooth), planck(H_BAND.wavelength, star.teff)
    if star.kind in ("dwarf", "giant"):
        lines = line_strengths(star.teff, star.logg, star.feh)
        light, h_band = light * transmission(RESOLVED, lines, star.z), h_band * transmission(H_BAND, lines, 0.0)
    return Starlight(merged(light), light, h_band, planck(INFRARED, star.teff))


def _cataclysmic(star: Star) -> np.ndarray:
    flux = (WAVELENGTH / 5500) ** -2.0
    for centre, ratio in zip(BALMER, BALMER_DECREMENT, strict=False):
        add_line(flux, centre * (1 + star.z), 500.0, 45 * ratio)
    add_line(flux, 5877.3 * (1 + star.z), 500.0, 12)
    add_line(flux, 4687.0 * (1 + star.z), 600.0, 10)
    return flux
