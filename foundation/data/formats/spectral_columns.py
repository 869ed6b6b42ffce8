"""Which column of a table is what of a spectrum, by the names that surveys give them, and in which unit."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from foundation.data.formats.air import vacuum_of
from foundation.data.formats.bits import unsigned
from foundation.data.formats.dispersion import angstrom
from foundation.data.formats.noise import inverse_variance
from foundation.data.formats.source import FormatError
from foundation.data.records import FLUX_DENSITY, RELATIVE, Spectrum

NAMES = {  # upper case; the first that a table has
    "wavelength": ("WAVELENGTH", "WAVE", "LAMBDA", "LAM", "WAVE_VAC", "WAVELENGTH_VAC", "WL"),
    "logarithm": ("LOGLAM", "LOGLAMBDA", "LOG_WAVELENGTH"),
    "air": ("WAVE_AIR", "WAVELENGTH_AIR", "AWAV", "LAMBDA_AIR"),
    "flux": ("FLUX", "FLUXDEN", "FLUX_DENSITY", "FLUXDENSITY", "FLUX_REDUCED", "F_LAMBDA", "FLAM"),
    "ivar": ("IVAR", "INVVAR", "FLUX_IVAR", "INVERSE_VARIANCE"),
    "sigma": ("ERROR", "ERR", "SIGMA", "FLUX_ERROR", "FLUX_ERR", "FLUXERR", "FLUX_UNC", "UNCERTAINTY", "ERR_FLUX"),
    "variance": ("VARIANCE", "VAR", "FLUX_VAR"),
    "mask": ("MASK", "FLAGS", "FLAG", "QUALITY", "QUAL", "DQ", "AND_MASK", "PIXEL_FLAGS"),
}
GRIDS, WEIGHTS = ("wavelength", "logarithm", "air"), ("ivar", "sigma", "variance")


def parts_of(columns: Iterable[str]) -> dict[str, str]:
    """Part of a spectrum -> upper-case column that holds it."""
    there = set(columns)
    found = {part: next((name for name in names if name in there), None) for part, names in NAMES.items()}
    return {part: name for part, name in found.items() if name is not None}


def is_spectrum(columns: Iterable[str]) -> bool:
    """Whether there are wavelength, flux, and a measure of its noise."""
    parts = parts_of(columns)
    return "flux" in parts and any(p in parts for p in GRIDS) and any(p in parts for p in WEIGHTS)


def spectrum_of(row: Mapping[str, Any], unit_of: Mapping[str, str], air: bool = False) -> Spectrum:
    """The spectrum whose arrays are in `row`, by ascending wavelength.

    Bits of a mask are kept but none is called bad, since a table does not say what they mean; a boolean mask says bad.

    Args:
        row: upper-case column -> array.
        unit_of: upper-case column -> unit, where the file gives one; wavelengths without are Å.
        air: whether wavelengths are those in air, if no column says so by its name.

    Raises:
        FormatError: a unit that is no length or no flux density.
    """
    parts = parts_of(row)
    value = {
        part: np.atleast_1d(np.ma.filled(np.ma.asarray(row[n]), np.nan if part != "mask" else 0))
        for part, n in parts.items()
    }
    grid = _vacuum(value, {part: unit_of.get(name) for part, name in parts.items()}, air)
    order = np.argsort(grid, kind="stable")
    keep = order[np.isfinite(grid[order]) & (grid[order] > 0)]
    keep = keep[np.diff(grid[keep], prepend=0) > 0]  # of wavelengths given twice the first
    factor, unit = flux_unit(unit_of.get(parts["flux"]), grid[keep])
    flux, mask = value["flux"].astype(np.float64)[keep], value.get("mask")
    bad = mask[keep] if mask is not None and mask.dtype == bool else None
    bits = None if mask is None else unsigned(mask[keep].astype("u4") if bad is not None else mask[keep])
    ivar = _weight(flux, {part: value[part][keep] for part in WEIGHTS if part in value})
    return Spectrum(flux * factor, grid[keep], ivar / factor**2, bits, bad, unit=unit, frame="observed")


def flux_unit(name: str | None, wavelength: np.ndarray) -> tuple[float | np.ndarray, str]:
    """Factors to the unit of a record, one or one a pixel, and that unit; flux without unit is relative.

    Raises:
        FormatError: the unit is that of another quantity.
    """
    from astropy import units

    if not name or not name.strip():
        return 1.0, RELATIVE
    try:
        unit: Any = units.Unit(name)
        if unit.is_equivalent(units.ct) or unit.is_equivalent(units.dimensionless_unscaled):
            return 1.0, "ct" if unit.is_equivalent(units.ct) else RELATIVE
        factor = unit.to(units.Unit(FLUX_DENSITY), 1.0, units.spectral_density(wavelength * units.Angstrom))
    except (ValueError, units.UnitConversionError) as error:
        raise FormatError(
            f"the flux unit {name!r} is no flux density. Give erg/(s cm2 Angstrom), Jy or counts."
        ) from error
    return factor, FLUX_DENSITY


def _vacuum(value: Mapping[str, np.ndarray], unit_of: Mapping[str, str | None], air: bool) -> np.ndarray:
    if "logarithm" in value and "wavelength" not in value:
        grid = 10 ** value["logarithm"].astype(np.float64)
    elif "wavelength" in value:
        grid = value["wavelength"].astype(np.float64) * angstrom(unit_of["wavelength"])
    else:
        grid, air = value["air"].astype(np.float64) * angstrom(unit_of["air"]), True
    return vacuum_of(grid) if air else grid


def _weight(flux: np.ndarray, value: Mapping[str, np.ndarray]) -> np.ndarray:
    if "ivar" in value:
        ivar = value["ivar"].astype(np.float64)
        return np.where(np.isfinite(flux) & np.isfinite(ivar) & (ivar > 0), ivar, 0)
    sigma = value["sigma"] if "sigma" in value else np.sqrt(np.maximum(value["variance"], 0))
    return inverse_variance(flux, sigma)
