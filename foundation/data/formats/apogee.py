"""APOGEE spectra: apStar and asStar (a star's visits, combined), aspcapStar (normalised), apVisit (three chips).

Which pixels are bad: those whose mask has a bit of BAD, and those whose error says "no data" (gaps between chips).
Persistence, sky lines and tellurics are not bad; the error already says how noisy they are, and without them two
thirds of some spectra would be lost.
https://data.sdss.org/datamodel/files/APOGEE_REDUX/
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from foundation.data.formats.bits import unsigned, word
from foundation.data.formats.dispersion import wavelengths
from foundation.data.formats.noise import inverse_variance
from foundation.data.formats.sampling import spectral_sample
from foundation.data.formats.source import Samples, Source
from foundation.data.records import FLUX_DENSITY, RELATIVE, Spectrum

PIXELS = 8575  # of the common grid, 6e-6 dex each
PIXMASK = {
    "BADPIX": 0, "CRPIX": 1, "SATPIX": 2, "UNFIXABLE": 3, "BADDARK": 4, "BADFLAT": 5, "BADERR": 6, "NOSKY": 7,
    "LITTROW_GHOST": 8, "PERSIST_HIGH": 9, "PERSIST_MED": 10, "PERSIST_LOW": 11, "SIG_SKYLINE": 12, "SIG_TELLURIC": 13,
    "NOT_ENOUGH_PSF": 14,
}  # fmt: skip
BAD = ("BADPIX", "CRPIX", "SATPIX", "UNFIXABLE", "BADDARK", "BADFLAT", "BADERR", "NOSKY", "NOT_ENOUGH_PSF")
BAD_BITS = word(PIXMASK, BAD)
NO_DATA = 1e10  # an error of this size
CHIPS = (0, 3430, 6212)  # first pixels of blue, green and red on the common grid: the middles of the gaps
COMBINED = 2  # rows of an apStar before those of the visits: two ways to combine them
UNKNOWN = -9999  # a parameter without calibration
PARAMETERS = {"teff": 0, "logg": 1, "m_h": 3, "alpha_m": 6}  # places in PARAM


def recognises_star(source: Source) -> bool:
    """Whether HDUs 1 to 3 are flux, error and a mask of integers on the common grid."""
    return _on_grid(source) and source.hdu(3).header["BITPIX"] > 0


def recognises_aspcap(source: Source) -> bool:
    """Whether HDUs 1 to 3 are numbers on the common grid and HDU 4 has fitted parameters."""
    return _on_grid(source) and source.hdu(3).header["BITPIX"] < 0 and "FPARAM" in source.columns(4)


def recognises_visit(source: Source) -> bool:
    """Whether HDUs 1 to 4 are flux, error, mask and wavelength of three chips."""
    if len(source.hdus) < 5 or not all(source.hdu(i).is_image for i in range(1, 5)):
        return False
    shapes = {source.hdu(i).shape for i in range(1, 5)}
    return len(shapes) == 1 and len(next(iter(shapes))) == 2 and next(iter(shapes))[0] == len(CHIPS)


def read_star(source: Source) -> Samples:
    """One sample: `spectrum_apogee`, combined by pixel; if there are several visits, `spectrum_apogee_visit_1` and on.

    Visits are independent measurements of the same star, which a test of denoising wants. Wavelengths are those of the
    star at rest, as the file has them; chips are segments 0, 1, 2.
    """
    rows = list(_rows(source))
    header = source.header()
    visits = {f"spectrum_apogee_visit_{i}": row for i, row in enumerate(rows[COMBINED:], 1)}
    labels = {"rv": header.get("VHELIO"), "visits": header.get("NVISITS"), "star_flag": header.get("STARFLAG")}
    place = header.get("RA"), header.get("DEC")
    key = f"apogee-{str(header.get('OBJID') or source.path.stem).strip()}"
    yield spectral_sample(key, "spectrum_apogee", rows[0], source, labels, hdu=1, place=place, others=visits)
    return ""


def read_aspcap(source: Source) -> Samples:
    """One sample: `spectrum_aspcap`, normalised by the continuum, and the calibrated parameters as labels."""
    flux, error = (np.atleast_2d(source.hdu(i).data)[0] for i in (1, 2))
    row = next(source.rows(4))
    spectrum = _on_common_grid(source, flux, inverse_variance(flux, error, NO_DATA), None, RELATIVE)
    labels = _parameters(row) | {"rv": row.get("VHELIO"), "aspcap_flag": row.get("ASPCAPFLAG")}
    place = row.get("RA"), row.get("DEC")
    key = f"apogee-{row['APOGEE_ID']}"
    yield spectral_sample(key, "spectrum_aspcap", spectrum, source, labels, hdu=1, place=place)
    return ""


def read_visit(source: Source) -> Samples:
    """One sample: `spectrum_apogee_visit` in the observatory's frame; the file's descending chips are turned round."""
    flux, error, mask, wavelength = (source.hdu(i).data[::-1, ::-1].ravel() for i in range(1, 5))
    bits, header = unsigned(mask), source.header()
    spectrum = Spectrum(
        flux, wavelength, inverse_variance(flux, error, NO_DATA), bits, (bits & BAD_BITS) != 0,
        np.repeat(np.arange(len(CHIPS)), source.hdu(1).shape[1]),
        survey="apogee", unit=FLUX_DENSITY, frame="observed",
    )  # fmt: skip
    labels = {"rv": header.get("VHELIO"), "star_flag": header.get("STARFLAG"), "barycentric": header.get("BC")}
    name = "-".join(str(header.get(card, "")).strip() for card in ("OBJID", "PLATE", "MJD5", "FIBERID"))
    place = header.get("RA"), header.get("DEC")
    yield spectral_sample(f"apogee-{name}", "spectrum_apogee_visit", spectrum, source, labels, hdu=1, place=place)
    return ""


def _on_grid(source: Source) -> bool:
    shapes = [source.hdu(i).shape for i in (1, 2, 3) if source.has(i) and source.hdu(i).is_image]
    return len(shapes) == 3 and all(s[-1:] == (PIXELS,) for s in shapes)


def _rows(source: Source) -> Iterator[Spectrum]:
    """Spectra of an apStar; of a star seen once it has one row without a second axis."""
    parts = [np.atleast_2d(source.hdu(i).data) for i in (1, 2, 3)]
    for flux, error, mask in zip(*parts, strict=True):
        ivar = np.where(flux == 0, 0, inverse_variance(flux, error, NO_DATA))
        yield _on_common_grid(source, flux, ivar, unsigned(mask), FLUX_DENSITY)


def _on_common_grid(source: Source, flux: np.ndarray, ivar: np.ndarray, bits: np.ndarray | None, unit: str) -> Spectrum:
    return Spectrum(
        flux,
        wavelengths(source.header(1), PIXELS, air=False),
        ivar,
        bits,
        None if bits is None else (bits & BAD_BITS) != 0,
        np.searchsorted(CHIPS, np.arange(PIXELS), "right") - 1,
        survey="apogee",
        unit=unit,
        frame="rest",
    )


def _parameters(row: Mapping[str, Any]) -> dict[str, float | None]:
    values = {name: float(row["PARAM"][place]) for name, place in PARAMETERS.items()}
    return {name: None if value <= UNKNOWN else value for name, value in values.items()}
