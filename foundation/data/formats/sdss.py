"""SDSS, BOSS and eBOSS `spec-PLATE-MJD-FIBER.fits`, lite and full: the coadded spectrum with the pipeline's labels.

HDUs are addressed by index, because some eBOSS files have empty EXTNAMEs: 1 is the coadd, 2 the labels. Those of single
exposures, from 4 on, are told by their names.
https://data.sdss.org/datamodel/files/BOSS_SPECTRO_REDUX/RUN2D/spectra/PLATE4/spec.html
"""

import re

import numpy as np

from foundation.data.formats.air import vacuum_of
from foundation.data.formats.arms import segments
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
CAMERA = re.compile(r"(?P<camera>[BR][12])-(?P<exposure>\d+)")  # EXTNAME of one camera of one exposure
BOSS_FROM, EBOSS_FROM = 55107, 56898  # MJD at which the BOSS spectrographs, then the eBOSS survey, began


def recognises(source: Source) -> bool:
    """Whether HDU 1 is a coadded SDSS spectrum."""
    return source.columns(1) >= COADD


def read(source: Source) -> Samples:
    """The one sample of a file: `spectrum_sdss`, those of `exposures_of`, and `redshift` if ZWARNING is 0.

    Raises:
        FormatError: the labels of HDU 2 are missing.
    """
    if not {"CLASS", "Z", "ZWARNING"} <= source.columns(2):
        raise FormatError(f"{source.path}: has no labels in HDU 2, so it is cut short. Download it again.")
    row = next(source.rows(2))
    plate, mjd, fiber = int(row["PLATE"]), int(row["MJD"]), int(row["FIBERID"])
    spectrum, exposures = spectrum_of(source, _survey(mjd)), exposures_of(source, _survey(mjd))
    warning, subclass = int(row["ZWARNING"]), str(row.get("SUBCLASS", ""))
    redshift = Redshift(float(row["Z"]), float(row["Z_ERR"]), warning, str(row["CLASS"]), subclass)
    records: dict[str, Record] = {"spectrum_sdss": spectrum, **exposures, **redshift.records()}
    labels = {**redshift.labels(), "snr": spectrum.snr, "usable": bool(spectrum.usable.any())}
    origin = {
        "path": str(source.path), "hdu": 1, "row": 0, "survey": spectrum.survey,
        "ra": float(row["PLUG_RA"]), "dec": float(row["PLUG_DEC"]),
    }  # fmt: skip
    yield Sample(f"sdss-{plate:04d}-{mjd}-{fiber:04d}", records, labels, origin)
    return ""


def spectrum_of(source: Source, survey: str, hdu: int = 1, mask: str = "and_mask") -> Spectrum:
    """The coadd of HDU 1, or what another HDU has in the same columns; blue cameras run from red to blue."""
    table = source.hdu(hdu).data
    step = -1 if (np.diff(table["loglam"][:2]) < 0).any() else 1
    names = ("flux", "loglam", "ivar", mask, *(["wdisp"] if "WDISP" in source.columns(hdu) else []))
    columns = {name: table[name][::step] for name in names}
    wavelength = 10 ** columns["loglam"].astype(np.float64)
    if not source.header().get("VACUUM", True):
        wavelength = vacuum_of(wavelength)
    bits = unsigned(columns[mask])
    sigma = columns["wdisp"] * wavelength * PIXEL if "wdisp" in columns else None
    return Spectrum(
        columns["flux"],
        wavelength,
        columns["ivar"],
        mask=bits,
        bad=(bits & BAD_BITS) != 0,
        lsf_sigma=sigma,
        survey=survey,
        frame="heliocentric",
    )


def exposures_of(source: Source, survey: str) -> dict[str, Record]:
    """Single exposures of a full file by name, from 1 on: their cameras, blue and red, are segments 0 and 1.

    They are independent measurements of the same object, which a test of denoising wants.
    """
    cameras: dict[str, dict[str, int]] = {}
    for hdu, name in enumerate(source.names):
        if found := CAMERA.match(name):
            cameras.setdefault(found["exposure"], {})[found["camera"]] = hdu
    arms = ([spectrum_of(source, survey, one[c], "mask") for c in sorted(one)] for one in cameras.values())
    return {f"spectrum_sdss_exposure_{i}": segments(each) for i, each in enumerate(arms, 1)}


def _survey(mjd: int) -> str:
    return "sdss" if mjd < BOSS_FROM else "boss" if mjd < EBOSS_FROM else "eboss"
