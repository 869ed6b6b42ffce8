"""Spectra in tables of any origin: a pixel a row, or a spectrum a row in arrays; FITS, ECSV or CSV.

Columns are told by their names (spectral_columns.py). Wavelengths are those of vacuum unless a column or the header
says air, and the observatory's, since a table does not say whose.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from foundation.data.formats.sampling import spectral_sample
from foundation.data.formats.source import Samples, Source
from foundation.data.formats.spectral_columns import is_spectrum, parts_of, spectrum_of
from foundation.data.formats.text_table import column_names, read_columns, rows_of

UNSAID = "wavelengths taken as those in vacuum, in Å, because the file does not say"


def recognises(source: Source) -> bool:
    """Whether a table has wavelength, flux and noise."""
    return _table(source) is not None if source.hdus else is_spectrum(column_names(source))


def read(source: Source) -> Samples:
    """One sample a spectrum: `spectrum`.

    Raises:
        FormatError: a unit that is no length or no flux density.
    """
    number = _table(source) or 0
    columns, units = _columns(source, number)
    air = str(source.header(number).get("AIRORVAC", "")).strip().lower().startswith("air")
    name = source.path.name.partition(".")[0]
    spectra = list(_spectra(columns))
    for row, arrays in enumerate(spectra):
        key = name if len(spectra) == 1 else f"{name}-{row}"
        spectrum = spectrum_of(arrays, units, air)
        yield spectral_sample(key, "spectrum", spectrum, source, hdu=number, row=row, place=_place(source))
    grid = parts_of(columns).get("wavelength")
    return UNSAID if grid is not None and grid not in units else ""


def _table(source: Source) -> int | None:
    """The first HDU that holds spectra."""
    return next((i for i in range(len(source.hdus)) if is_spectrum(source.columns(i))), None)


def _columns(source: Source, number: int) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    if not source.hdus:
        return read_columns(source)
    hdu = source.hdu(number)
    units = {c.name.upper(): str(c.unit) for c in hdu.columns if c.unit}
    return {name.upper(): np.asarray(hdu.data[name]) for name in hdu.columns.names}, units


def _spectra(columns: Mapping[str, np.ndarray]) -> Iterator[Mapping[str, Any]]:
    """The arrays of each spectrum: of each row if rows hold arrays, else of the columns themselves."""
    flux = columns[parts_of(columns)["flux"]]
    if flux.ndim == 1 and flux.dtype != object:
        yield columns
    else:
        yield from rows_of(columns)


def _place(source: Source) -> tuple[Any, Any]:
    """Degrees, where the primary header has numbers for them."""
    place = source.header().get("RA"), source.header().get("DEC")
    return place if all(isinstance(x, int | float) for x in place) else (None, None)
