"""Gaia XP coefficients as spectra over wavelength, by the survey's own GaiaXPy (BSD), which holds the basis functions.

De Angeli et al. 2023, A&A 674, A2; Montegriffo et al. 2023, A&A 674, A3.
"""

from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from importlib.util import find_spec
from io import StringIO
from typing import Any

import numpy as np

from foundation.data.formats.noise import inverse_variance
from foundation.data.records import Spectrum

GRID = np.arange(3360.0, 10201.0, 20.0)  # Å, of sampled spectra as released
TO_DENSITY = 1e19  # W m-2 nm-1 in 1e-17 erg s-1 cm-2 Å-1
NEEDED = (
    "source_id", "bp_n_parameters", "bp_coefficients", "bp_coefficient_errors", "bp_coefficient_correlations",
    "bp_standard_deviation", "rp_n_parameters", "rp_coefficients", "rp_coefficient_errors",
    "rp_coefficient_correlations", "rp_standard_deviation",
)  # fmt: skip


def can_calibrate() -> bool:
    """Whether GaiaXPy is installed."""
    return find_spec("gaiaxpy") is not None


def calibrated(rows: Sequence[Mapping[str, Any]]) -> list[Spectrum]:
    """The sampled spectra of rows of the table of coefficients, by upper-case column name."""
    import pandas  # pyright: ignore[reportMissingImports] - GaiaXPy brings it
    from gaiaxpy import calibrate  # pyright: ignore[reportMissingImports] - the user's to install

    columns = {name: [_native(row[name.upper()]) for row in rows] for name in NEEDED}
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):  # it has a progress bar of its own
        table, grid = calibrate(pandas.DataFrame(columns), save_file=False)
    wavelength = np.asarray(grid, dtype=np.float64) * 10
    return [sampled(wavelength, f, e) for f, e in zip(table["flux"], table["flux_error"], strict=True)]


def sampled(wavelength: np.ndarray, flux: np.ndarray, error: np.ndarray) -> Spectrum:
    """A sampled spectrum, vacuum Å and W m-2 nm-1, as a record.

    Errors of neighbouring samples hang together, because 55 coefficients make 343 samples; the record holds the
    diagonal only, so a chi-squared of it is no test of a fit.
    """
    scaled, sigma = np.asarray(flux, dtype=np.float64) * TO_DENSITY, np.asarray(error, dtype=np.float64) * TO_DENSITY
    return Spectrum(scaled, wavelength, inverse_variance(scaled, sigma), survey="gaia", frame="barycentric")


def _native(value: Any) -> Any:  # noqa: ANN401 - a cell of any type
    array = np.asarray(value)
    return array.astype(array.dtype.newbyteorder("=")) if array.ndim else array.item()
