"""2dF and AAOmega spectra as 2dfdr reduces them: one fibre, or one row a fibre, with variances.

There is no mask: unusable is where flux or variance are no numbers, or the variance is not positive. Wavelengths are in
air unless the header says VACUUM, on the header's axis or in a WAVELENGTH HDU (log10 with LOGSCALE). DO_HELIO asks
whoever reads the file to correct for the Earth's motion (as Marz does), so the wavelengths are the observatory's.
https://aat.anu.edu.au/science/software/2dfdr
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from foundation.data.formats.air import vacuum_of
from foundation.data.formats.dispersion import angstrom, is_air, wavelengths
from foundation.data.formats.noise import inverse_variance
from foundation.data.formats.sampling import spectral_sample
from foundation.data.formats.source import FormatError, Samples, Source
from foundation.data.records import Spectrum

SKY = "S"  # TYPE of a fibre on the sky; P is a target


def recognises(source: Source) -> bool:
    """Whether the file has variances beside the flux, and a table of fibres."""
    return {"VARIANCE", "FIBRES"} <= set(source.names) and source.hdu(0).is_image


def read(source: Source) -> Samples:
    """One sample a fibre: `spectrum_2df`, in counts.

    Raises:
        FormatError: as many spectra, variances and fibres as they should be there are not.
    """
    flux, variance = (np.atleast_2d(source.hdu(which).data) for which in (0, "VARIANCE"))
    fibres = list(source.rows("FIBRES"))
    if flux.shape != variance.shape or len(fibres) != len(flux):
        raise FormatError(
            f"{source.path}: has {len(flux)} spectra, {len(variance)} variances and {len(fibres)} fibres. "
            "Give a file with one of each."
        )
    grid = np.broadcast_to(_wavelengths(source, flux.shape[-1]), flux.shape)
    run = source.header().get("UTMJD")
    for row, fibre in enumerate(fibres):
        spectrum = _spectrum(flux[row], variance[row], grid[row])
        name = str(fibre["NAME"])
        key = f"2df-{name}" + ("" if run is None else f"-{float(run):.5f}")
        labels = {"name": name, "sky": str(fibre.get("TYPE", "")) == SKY, "magnitude": fibre.get("MAGNITUDE")}
        yield spectral_sample(key, "spectrum_2df", spectrum, source, labels, row=row, place=_place(fibre))
    return ""


def _spectrum(flux: np.ndarray, variance: np.ndarray, wavelength: np.ndarray) -> Spectrum:
    sigma = np.sqrt(np.where(variance > 0, variance, 0))
    return Spectrum(flux, wavelength, inverse_variance(flux, sigma), survey="2df", unit="ct", frame="observed")


def _wavelengths(source: Source, pixels: int) -> np.ndarray:
    header = source.header()
    if "WAVELENGTH" not in source.names:
        return wavelengths(header, pixels)
    stored = source.hdu("WAVELENGTH").data.astype(np.float64)
    grid = 10**stored if header.get("LOGSCALE") else stored * angstrom(header.get("CUNIT1"))
    return vacuum_of(grid) if is_air(header) else grid


def _place(fibre: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Degrees; the table has radians."""
    if not {"RA", "DEC"} <= set(fibre):
        return None, None
    return float(np.degrees(fibre["RA"])), float(np.degrees(fibre["DEC"]))
