"""Gaia XP: sampled spectra, and continuous ones, which are coefficients of basis functions; FITS, CSV or ECSV.

Coefficients are records of their own. Where GaiaXPy is installed, which holds the basis functions, they become a
spectrum as well; else a remark says so.
https://gea.esac.esa.int/archive/documentation/GDR3/ (XP_CONTINUOUS, XP_SAMPLED)
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from foundation.data.coefficients import Coefficients
from foundation.data.formats.gaia_calibration import GRID, calibrated, can_calibrate, sampled
from foundation.data.formats.sampling import spectral_sample
from foundation.data.formats.source import Samples, Source
from foundation.data.formats.text_table import column_names, read_columns, rows_of
from foundation.data.records import Record, Sample

PHOTOMETERS = ("bp", "rp")
TOGETHER = 256  # sources calibrated at once
WITHOUT = "coefficients only: their basis functions come with GaiaXPy. Type `pip install GaiaXPy` to have spectra"


def recognises_continuous(source: Source) -> bool:
    """Whether the table has the coefficients of the photometers."""
    return {"SOURCE_ID", "BP_COEFFICIENTS", "RP_COEFFICIENTS"} <= _columns(source)


def recognises_sampled(source: Source) -> bool:
    """Whether the table has a flux array for each source."""
    return {"SOURCE_ID", "FLUX", "FLUX_ERROR"} <= _columns(source)


def read_continuous(source: Source) -> Samples:
    """One sample a source: `coefficients_gaia_bp` and `_rp`, of which one may be missing, and `spectrum_gaia`."""
    spectra = can_calibrate()
    remaining = _rows(source)
    while rows := list(islice(remaining, TOGETHER)):
        whole = [row for row in rows if all(_has(row, name) for name in PHOTOMETERS)]
        found = dict(zip([int(row["SOURCE_ID"]) for row in whole], calibrated(whole), strict=True)) if spectra else {}
        for row in rows:
            yield _of_coefficients(source, row, found)
    return "" if spectra else WITHOUT


def read_sampled(source: Source) -> Samples:
    """One sample a source: `spectrum_gaia` on 343 wavelengths from 3360 to 10200 Å."""
    for number, row in enumerate(_rows(source)):
        flux = np.asarray(row["FLUX"], dtype=np.float64)
        grid = GRID if len(flux) == len(GRID) else np.asarray(row["WAVELENGTH"], dtype=np.float64) * 10
        spectrum = sampled(grid, flux, row["FLUX_ERROR"])
        key = f"gaia-{int(row['SOURCE_ID'])}"
        yield spectral_sample(key, "spectrum_gaia", spectrum, source, row=number, hdu=1, place=_place(row))
    return ""


def _of_coefficients(source: Source, row: Mapping[str, Any], spectra: Mapping[int, Record]) -> Sample:
    number = int(row["SOURCE_ID"])
    present = {name: coefficients(row, name) for name in PHOTOMETERS if _has(row, name)}
    records: dict[str, Record] = {f"coefficients_gaia_{name}": record for name, record in present.items()}
    if number in spectra:
        records = {"spectrum_gaia": spectra[number], **records}
    labels = {f"without_{name}": True for name in PHOTOMETERS if name not in present} | {"usable": bool(present)}
    origin = {"path": str(source.path), "hdu": 1, "row": 0, "survey": "gaia"}
    return Sample(f"gaia-{number}", records, labels, origin)


def coefficients(row: Mapping[str, Any], name: str) -> Coefficients:
    """Those of one photometer, "bp" or "rp", from a row with the archive's upper-case column names."""
    basis, relevant = row.get(f"{name}_BASIS_FUNCTION_ID".upper()), row.get(f"{name}_N_RELEVANT_BASES".upper(), 0)
    column = f"{name}_COEFFICIENT".upper()
    correlation = row.get(f"{column}_CORRELATIONS")
    return Coefficients(
        row[f"{column}S"],
        row[f"{column}_ERRORS"],
        correlation if correlation is not None and np.size(correlation) > 1 else None,
        f"gaia-{name}-{int(basis)}" if basis is not None else f"gaia-{name}",
        int(relevant),
        "gaia",
    )


def _has(row: Mapping[str, Any], name: str) -> bool:
    """Whether the photometer saw the source: BP is missing for some, as an array without length."""
    return np.size(row[f"{name}_COEFFICIENTS".upper()]) > 1


def _columns(source: Source) -> set[str]:
    return source.columns(1) if source.hdus else column_names(source)


def _rows(source: Source) -> Iterator[Mapping[str, Any]]:
    return source.rows(1) if source.hdus else rows_of(read_columns(source)[0])


def _place(row: Mapping[str, Any]) -> tuple[Any, Any]:
    return row.get("RA"), row.get("DEC")
