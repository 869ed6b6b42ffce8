"""SDSS, BOSS and eBOSS `spec-PLATE-MJD-FIBER.fits`, lite and full: the coadded spectrum with the pipeline's labels.

HDUs are addressed by index, because some eBOSS files have empty EXTNAMEs: 1 is the coadd, 2 the labels.
https://data.sdss.org/datamodel/files/BOSS_SPECTRO_REDUX/RUN2D/spectra/PLATE4/spec.html
"""

import numpy as np

from foundation.data.formats.air import vacuum_of
from foundation.data.formats.bits import unsigned, word
from foundation.data.formats.redshift import Redshift
from foundation.data.formats.source import FormatError, Samples, Source
from foundation.data.records import Record, Sample, Spectrum

COADD = {"FLUX", "LOGLAM", "IVAR", "AND_MASK"}
SPPIXMASK = {
    "NOPLUG": 0, "BADTRACE": 1, "BADFLAT": 2, "BADARC": 3, "MANYBADCOLUMNS": 4, "MANYREJECTED": 5, "LARGESHIFT": 6,
    "BADSKYFIBER": 7, "NEARWHOPPER": 8, "WHOPPER": 9, "SMEARIMAGE": 10, "SMEARHIGHSN": 11, "SMEARMEDSN": 12,
    "NEARBADPIXEL": 16, "LOWFLAT": 17, "FULLREJECT": 18, "PARTIALREJECT": 19, "SCATTEREDLIGHT": 20, "CROSSTALK": 21,
    "NOSKY": 22, "BRIGHTSKY": 23, "NODATA": 24, "COMBINEREJ": 25, "BADFLUXFACTOR": 26, "BADSKYCHI": 27,
    "REDMONSTER": 28,
}  # fmt: skip
# BRIGHTSKY alone would remove 6 to 8 % of a BOSS spectrum, whose ivar already says how noisy the sky is. NODATA is
# wrongly set near the dichroic in DR9 and DR10 where ivar > 0; where it is right, ivar is 0.
BAD = ("FULLREJECT", "NOSKY", "COMBINEREJ", "BADFLUXFACTOR", "BADSKYCHI")
BAD_BITS = word(SPPIXMASK, BAD)
PIXEL = 1e-4 * np.log(10)  # a pixel is 1e-4 dex wide; as a fraction of the wavelength
BOSS_FROM, EBOSS_FROM = 55107, 56898  # MJD at which the BOSS spectrographs, then the eBOSS survey, began


def recognises(source: Source) -> bool:
    """Whether HDU 1 is a coadded SDSS spectrum."""
    return source.columns(1) >= COADD


def read(source: Source) -> Samples:
    """The one sample of a file: `spectrum_sdss`, and `redshift` if ZWARNING is 0.

    Raises:
        FormatError: the labels of HDU 2 are missing.
    """
    if not {"CLASS", "Z", "ZWARNING"} <= source.columns(2):
        raise FormatError(f"{source.path}: has no labels in HDU 2, so it is cut short. Download it again.")
    row = next(source.rows(2))
    plate, mjd, fiber = int(row["PLATE"]), int(row["MJD"]), int(row["FIBERID"])
    spectrum = spectrum_of(source, _survey(mjd))
    warning, subclass = int(row["ZWARNING"]), str(row.get("SUBCLASS", ""))
    redshift = Redshift(float(row["Z"]), float(row["Z_ERR"]), warning, str(row["CLASS"]), subclass)
    records: dict[str, Record] = {"spectrum_sdss": spectrum, **redshift.records()}
    labels = {**redshift.labels(), "snr": spectrum.snr, "usable": bool(spectrum.usable.any())}
    origin = {
        "path": str(source.path), "hdu": 1, "row": 0, "survey": spectrum.survey,
        "ra": float(row["PLUG_RA"]), "dec": float(row["PLUG_DEC"]),
    }  # fmt: skip
    yield Sample(f"sdss-{plate:04d}-{mjd}-{fiber:04d}", records, labels, origin)
    return ""


def spectrum_of(source: Source, survey: str) -> Spectrum:
    """The coadd of HDU 1."""
    table = source.hdu(1).data
    wavelength = 10 ** table["loglam"].astype(np.float64)
    if not source.header().get("VACUUM", True):
        wavelength = vacuum_of(wavelength)
    mask = unsigned(table["and_mask"])
    sigma = table["wdisp"] * wavelength * PIXEL if "WDISP" in source.columns(1) else None
    return Spectrum(
        table["flux"],
        wavelength,
        table["ivar"],
        mask=mask,
        bad=(mask & BAD_BITS) != 0,
        lsf_sigma=sigma,
        survey=survey,
        frame="heliocentric",
    )


def _survey(mjd: int) -> str:
    return "sdss" if mjd < BOSS_FROM else "boss" if mjd < EBOSS_FROM else "eboss"
