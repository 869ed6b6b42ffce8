"""SDSS-V: `spec-FIELD-MJD-CATALOGID.fits` of BOSS, and Astra's mwmVisit and mwmStar of BOSS and APOGEE.

Which pixels are bad is the policy of sdss.py for BOSS and of apogee.py for APOGEE.
https://data.sdss.org/datamodel/files/BOSS_SPECTRO_REDUX/ (spec, DR18 on) and .../MWM_ASTRA/ (mwmVisit, mwmStar)
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from foundation.data.formats import apogee, sdss
from foundation.data.formats.bits import unsigned
from foundation.data.formats.dispersion import wavelengths
from foundation.data.formats.redshift import Redshift
from foundation.data.formats.sampling import spectral_sample
from foundation.data.formats.source import Samples, Source
from foundation.data.records import Spectrum

ASTRA = {"FLUX", "IVAR", "PIXEL_FLAGS"}
INSTRUMENTS = {1: "boss", 2: "boss", 3: "apogee", 4: "apogee"}  # HDU: each from Apache Point, then Las Campanas
POLICY = {"boss": sdss.BAD_BITS, "apogee": apogee.BAD_BITS}


def recognises_spec(source: Source) -> bool:
    """Whether HDU 1 is a coadd, and HDU 2 names the object by its number in SDSS-V's catalogue."""
    return sdss.recognises(source) and "CATALOGID" in source.columns(2)


def recognises_astra(source: Source) -> bool:
    """Whether one of HDUs 1 to 4 is a table of spectra with Astra's flags; absent instruments have no rows."""
    return any(source.columns(number) >= ASTRA for number in INSTRUMENTS)


def read_spec(source: Source) -> Samples:
    """One sample: `spectrum_sdss`, and `redshift` if ZWARNING is 0 and the pipeline's class is in the file."""
    row = next(source.rows(2))
    found = _redshift(row)
    labels = found.labels() if found else {}
    labels |= {name: row.get(name.upper()) for name in ("programname", "firstcarton")}
    key = f"sdssv-{row.get('FIELD', 0)}-{row.get('MJD', 0)}-{row['CATALOGID']}"
    place = row.get("PLUG_RA", row.get("RACAT")), row.get("PLUG_DEC", row.get("DECCAT"))
    others = found.records() if found else {}
    spectrum = sdss.spectrum_of(source, "sdss-v")
    yield spectral_sample(key, "spectrum_sdss", spectrum, source, labels, hdu=1, place=place, others=others)
    return ""


def read_astra(source: Source) -> Samples:
    """One sample a row of each instrument: `spectrum_sdss` or `spectrum_apogee`, of the star at rest."""
    star = source.header().get("SDSS_ID", source.path.stem)
    for number, instrument in INSTRUMENTS.items():
        if not source.columns(number) >= ASTRA:
            continue
        for index, row in enumerate(source.rows(number)):
            spectrum = _of_astra(source, number, row, instrument)
            labels = {n: row.get(n.upper()) for n in ("mjd", "v_rad", "xcsao_v_rad", "telescope")}
            modality = "spectrum_sdss" if instrument == "boss" else "spectrum_apogee"
            place = source.header().get("RA"), source.header().get("DEC")
            key = f"sdssv-{star}-{number}-{index}"
            yield spectral_sample(key, modality, spectrum, source, labels, hdu=number, row=index, place=place)
    return ""


def _redshift(row: Mapping[str, Any]) -> Redshift | None:
    if not {"CLASS", "Z", "ZWARNING"} <= set(row):
        return None
    warning, subclass = int(row["ZWARNING"]), str(row.get("SUBCLASS", ""))
    return Redshift(float(row["Z"]), float(row.get("Z_ERR", -1)), warning, str(row["CLASS"]), subclass)


def _of_astra(source: Source, number: int, row: Mapping[str, Any], instrument: str) -> Spectrum:
    flux, bits = np.asarray(row["FLUX"]), unsigned(row["PIXEL_FLAGS"])
    if "WAVELENGTH" in row:
        grid = np.asarray(row["WAVELENGTH"], dtype=np.float64)
    else:
        cards = {f"{n}1": source.header(number).get(n) for n in ("CRVAL", "CDELT", "CRPIX", "CTYPE")}
        grid = wavelengths({name: value for name, value in cards.items() if value is not None}, len(flux), air=False)
    ivar = np.where(np.isfinite(flux) & np.isfinite(row["IVAR"]), row["IVAR"], 0)
    bad = (bits & POLICY[instrument]) != 0
    return Spectrum(flux, grid, ivar, bits, bad, survey="sdss-v", frame="rest")
