"""SDSS-V: coadds named by catalogue number, and Astra's tables of several instruments."""

import numpy as np
import pytest
from astropy.io import fits

from foundation.data.formats.catalog import read_file


@pytest.fixture
def write_astra(tmp_path):
    """Write an mwmStar with two rows of BOSS, none of Las Campanas, and one row of APOGEE."""

    def write(columns_of=(("boss", 2), ("boss", 0), ("apogee", 1), ("apogee", 0))):
        primary = fits.PrimaryHDU()
        primary.header.update({"SDSS_ID": 42, "RA": 1.5, "DEC": 2.5})
        hdus = [primary]
        for instrument, rows in columns_of:
            start, step = (3.5523, 1e-4) if instrument == "boss" else (4.179, 6e-6)
            rng = np.random.default_rng(rows)
            flux = rng.normal(1, 0.1, (rows, 30)).astype("f4")
            flux[:, 3] = np.nan
            bits = np.zeros((rows, 30), "i8")
            bits[:, 5] = (1 << 22) | (1 << 23)  # NOSKY and BRIGHTSKY of BOSS
            bits[:, 6] = 1  # BADPIX of APOGEE
            parts = {"flux": (flux, "30E"), "ivar": (np.ones_like(flux), "30E"), "pixel_flags": (bits, "30K")}
            columns = [fits.Column(name, form, array=array) for name, (array, form) in parts.items()]
            table = fits.BinTableHDU.from_columns(columns, nrows=rows)
            table.header.update({"CRVAL": start, "CDELT": step, "CRPIX": 1, "CTYPE": "LOG-LINEAR"})
            hdus.append(table)
        path = tmp_path / "mwmStar-42.fits"
        fits.HDUList(hdus).writeto(path)
        return path

    return write


def test_a_spec_file_named_by_catalogue_number(write_spec):
    path = write_spec("spec-015000-59146-42.fits", labels={"CATALOGID": 42, "FIELD": 15000, "MJD": 59146})
    (sample,) = read_file(path)
    assert sample.key == "sdssv-15000-59146-42"
    assert sample["spectrum_sdss"].survey == "sdss-v"
    np.testing.assert_array_equal(sample["spectrum_sdss"].flux, fits.getdata(path, 1)["flux"])
    assert sample["redshift"].value == pytest.approx(0.25)


def test_each_row_of_each_instrument(write_astra):
    path = write_astra()
    samples = list(read_file(path))
    assert [s.key for s in samples] == ["sdssv-42-1-0", "sdssv-42-1-1", "sdssv-42-3-0"]
    boss, apogee = samples[1]["spectrum_sdss"], samples[2]["spectrum_apogee"]
    np.testing.assert_allclose(boss.wavelength, 10 ** (3.5523 + 1e-4 * np.arange(30)), rtol=1e-6)
    np.testing.assert_allclose(apogee.wavelength, 10 ** (4.179 + 6e-6 * np.arange(30)), rtol=1e-6)
    stored = fits.getdata(path, 1)["flux"][1]
    np.testing.assert_array_equal(boss.flux, np.nan_to_num(stored))
    assert boss.ivar[3] == 0 and boss.mask[5] == 3 << 22
    assert np.flatnonzero(boss.bad).tolist() == [5]  # each instrument has bits of its own
    assert np.flatnonzero(apogee.bad).tolist() == [6]
    assert samples[0].origin["ra"] == 1.5 and boss.frame == "rest"
