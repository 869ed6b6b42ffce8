"""Wavelengths of an image axis from the cards of its header: linear, or equal steps of the logarithm."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from foundation.data.formats.air import vacuum_of
from foundation.data.formats.source import FormatError

ANGSTROM = {"angstroms": "Angstrom", "ang": "Angstrom", "lambda": "Angstrom", "a": "Angstrom"}  # as some write it
LOGARITHM = ("LOG-LINEAR", "LOGLAM", "LOGLAMBDA")  # CTYPE1 of an axis in log10
ALGORITHM = "-LOG"  # CTYPE1 of the logarithmic axis of FITS itself, of the natural logarithm


def wavelengths(header: Mapping[str, Any], pixels: int, axis: int = 1, air: bool | None = None) -> np.ndarray:
    """Vacuum wavelengths in Å, float64 [pixels], of an axis with CRVAL, CDELT or CD, and CRPIX.

    Logarithmic are DC-FLAG = 1 and LOGSCALE (log10, as IRAF and 2dfdr write it) and CTYPE WAVE-LOG (Greisen et al.
    2006, A&A 446, 747).

    Args:
        header: cards of the image.
        pixels: along the axis.
        axis: number of the axis in FITS, 1 is the fastest.
        air: whether the wavelengths are those in air; None = as CTYPE (AWAV or WAVE) and VACUUM say, else air.

    Raises:
        FormatError: the axis has no scale, or a unit that is no length.
    """
    kind = str(header.get(f"CTYPE{axis}", "")).strip().upper()
    step = header.get(f"CDELT{axis}", header.get(f"CD{axis}_{axis}"))
    start = header.get(f"CRVAL{axis}")
    if start is None or not step:
        raise FormatError(f"axis {axis} has no CRVAL{axis} and CDELT{axis}. Give a spectrum with a wavelength scale.")
    offset = float(step) * (np.arange(pixels) + 1 - float(header.get(f"CRPIX{axis}", 1)))
    if kind.endswith(ALGORITHM):
        scale = float(start) * np.exp(offset / float(start))
    elif header.get("DC-FLAG") == 1 or header.get("LOGSCALE") or kind in LOGARITHM:
        return _vacuum(10 ** (float(start) + offset), is_air(header, kind) if air is None else air)
    else:
        scale = float(start) + offset
    scale = scale * angstrom(header.get(f"CUNIT{axis}"))
    return _vacuum(scale, is_air(header, kind) if air is None else air)


def is_air(header: Mapping[str, Any], kind: str = "") -> bool:
    """Whether a header says that its wavelengths are those in air; one that says nothing is of an optical telescope."""
    code = kind.partition("-")[0]
    if code in ("WAVE", "AWAV"):  # the words of FITS; others write "Wavelength", which says nothing
        return code == "AWAV"
    said = header.get("VACUUM", str(header.get("AIRORVAC", "air")).strip().lower().startswith("vac"))
    return not bool(said)


def angstrom(unit: object) -> float:
    """Factor from a unit of length to Å; 1 if there is none.

    Raises:
        FormatError: the unit is no length.
    """
    from astropy import units

    name = str(unit or "").strip()
    try:
        length: Any = units.Unit(ANGSTROM.get(name.lower(), name or "Angstrom"))
        return float(length.to(units.Angstrom))
    except (ValueError, units.UnitConversionError) as error:
        raise FormatError(f"the wavelength unit {name!r} is no length. Give Angstrom, nm or um.") from error


def _vacuum(wavelength: np.ndarray, air: bool) -> np.ndarray:
    return vacuum_of(wavelength) if air else wavelength
