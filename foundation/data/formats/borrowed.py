"""Spectra of formats that only specutils knows (JWST, HST, MaNGA, 6dF, ...), if it is installed; slow, hence last."""

import warnings
from importlib.util import find_spec
from typing import Any

import numpy as np

from foundation.data.formats.sampling import spectral_sample
from foundation.data.formats.source import FormatError, Samples, Source
from foundation.data.formats.spectral_columns import flux_unit
from foundation.data.records import Spectrum

GENERIC = ("wcs1d-fits", "tabular-fits", "ASCII", "ECSV", "IPAC")  # what reads anything, so is no sign of a format
HOW = {"StdDevUncertainty": -2.0, "VarianceUncertainty": -1.0, "InverseVariance": 1.0}  # power that makes it ivar


def recognises(source: Source) -> bool:
    """Whether specutils is installed and names a format for the file."""
    return bool(source.hdus) and find_spec("specutils") is not None and _format(source) is not None


def read(source: Source) -> Samples:
    """One sample a spectrum: `spectrum`, in vacuum if specutils' reader says so.

    Raises:
        FormatError: specutils gives no uncertainty, without which nothing can be weighed.
    """
    from specutils import Spectrum as Theirs  # pyright: ignore[reportMissingImports] - the user's to install

    name = _format(source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read: Any = Theirs.read(str(source.path), format=name)
    if read.uncertainty is None:
        raise FormatError(f"{source.path}: as {name} it has no uncertainties. Give a file with errors of the flux.")
    grid = read.spectral_axis.to_value("Angstrom")
    flux, weight, mask = (np.reshape(x, (-1, len(grid))) for x in _arrays(read))
    factor, unit = flux_unit(read.flux.unit.to_string(), grid)
    order = np.argsort(grid)
    for row in range(len(flux)):
        spectrum = Spectrum(
            (flux[row] * factor)[order], grid[order], (weight[row] / factor**2)[order], bad=mask[row][order],
            unit=unit, frame="observed",
        )  # fmt: skip
        key = f"{source.path.name.partition('.')[0]}-{row}"
        yield spectral_sample(key, "spectrum", spectrum, source, row=row)
    return f"read by specutils as {name}; whether its wavelengths are of air or vacuum is that format's"


def _format(source: Source) -> str | None:
    from specutils.io.registers import identify_spectrum_format  # pyright: ignore[reportMissingImports]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = identify_spectrum_format(str(source.path))
    names = [found] if isinstance(found, str) else list(found or ())
    return next((name for name in names if name not in GENERIC), None)


def _arrays(read: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # noqa: ANN401 - a spectrum of specutils
    """Flux, inverse variance and whether a pixel is masked."""
    flux = np.asarray(read.flux.value, dtype=np.float64)
    value = np.asarray(read.uncertainty.array, dtype=np.float64)
    positive = np.isfinite(flux) & np.isfinite(value) & (value > 0)
    weight = np.where(positive, np.where(positive, value, 1) ** HOW[type(read.uncertainty).__name__], 0)
    mask = np.zeros(flux.shape, bool) if read.mask is None else np.asarray(read.mask, dtype=bool)
    return flux, weight, mask
