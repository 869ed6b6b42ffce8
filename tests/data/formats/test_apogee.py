"""APOGEE: visits, chips, bits and gaps, in synthetic files and in the real ones read by astropy."""

import numpy as np
import pytest
from astropy.io import fits

from foundation.data.formats.apogee import PIXMASK
from foundation.data.formats.catalog import read_file

FATAL = 0x40FF


def only(path):
    (sample,) = read_file(path)
    return sample


@pytest.fixture
def write_star(tmp_path):
    """Write an apStar of `visits`; one visit has no axis of rows."""

    def write(visits=1, mask=None, error=None):
        rng = np.random.default_rng(visits)
        rows = 1 if visits == 1 else 2 + visits
        flux = rng.normal(100, 5, (rows, 8575)).astype("f4")
        error = np.full_like(flux, 5) if error is None else np.broadcast_to(error, flux.shape).astype("f4")
        bits = np.zeros(flux.shape, "i2") if mask is None else np.broadcast_to(mask, flux.shape).astype("i2")
        parts = [x[0] if visits == 1 else x for x in (flux, error, bits)]
        primary = fits.PrimaryHDU()
        primary.header.update({"OBJID": "2M00", "RA": 10.0, "DEC": 20.0, "NVISITS": visits, "VHELIO": 3.5})
        hdus = [primary, *(fits.ImageHDU(x) for x in parts)]
        hdus[1].header.update({"CRVAL1": 4.179, "CDELT1": 6e-6, "CRPIX1": 1, "CTYPE1": "LOG-LINEAR", "DC-FLAG": 1})
        path = tmp_path / f"apStar-{visits}.fits"
        fits.HDUList(hdus).writeto(path)
        return path

    return write


def test_a_star_seen_once_and_one_seen_thrice(write_star):
    once, thrice = only(write_star(1)), only(write_star(3))
    assert set(once.records) == {"spectrum_apogee"}
    assert set(thrice.records) == {"spectrum_apogee", *(f"spectrum_apogee_visit_{i}" for i in (1, 2, 3))}
    stored = fits.getdata(thrice.origin["path"], 1)
    np.testing.assert_array_equal(thrice["spectrum_apogee"].flux, stored[0])
    np.testing.assert_array_equal(thrice["spectrum_apogee_visit_3"].flux, stored[4])
    assert thrice.labels["visits"] == 3 and thrice.origin["dec"] == 20.0
    np.testing.assert_array_equal(np.unique(once["spectrum_apogee"].segment), [0, 1, 2])


def test_bits_are_kept_and_the_policy_applied(write_star):
    bits = np.zeros(8575, "i2")
    for place, bit in enumerate(PIXMASK.values()):
        bits[1000 + place] = 1 << bit
    bits[2000] = -(2**15)
    spectrum = only(write_star(mask=bits))["spectrum_apogee"]
    np.testing.assert_array_equal(spectrum.mask, bits.view("u2"))
    np.testing.assert_array_equal(spectrum.bad, (bits.astype("i4") & FATAL) != 0)
    assert spectrum.bad.sum() == 9


def test_a_star_without_data_is_flagged(write_star):
    assert only(write_star(2, error=np.full(8575, 1e10))).labels["usable"] is False


def test_real_single_visit_agrees_with_astropy(astro_data):
    path = astro_data / "apogee" / "apStar-r6-2M03290406+3117075.fits"
    spectrum = only(path)["spectrum_apogee"]
    with fits.open(path) as hdus:
        flux, error, bits = (hdus[i].data for i in (1, 2, 3))
    np.testing.assert_allclose(spectrum.wavelength, 10 ** (4.179 + 6e-6 * np.arange(8575)), rtol=1e-6)
    np.testing.assert_array_equal(spectrum.flux, flux)
    np.testing.assert_array_equal(spectrum.ivar == 0, (error > 9e9) | (flux == 0))
    assert (spectrum.mask != 0).sum() == (bits != 0).sum()
    assert spectrum.bad.sum() == ((bits & FATAL) != 0).sum()
    assert spectrum.frame == "rest"


def test_real_aspcap_stars_agree_with_astropy(astro_data):
    paths = sorted((astro_data / "apogee").glob("aspcapStar-*"))
    assert len(paths) == 4
    for path in paths:
        sample = only(path)
        spectrum = sample["spectrum_aspcap"]
        with fits.open(path) as hdus:
            flux, error, row = hdus[1].data, hdus[2].data, hdus[4].data[0]
            np.testing.assert_array_equal(spectrum.flux, flux)
            assert (spectrum.ivar > 0).sum() == ((error > 0) & np.isfinite(flux)).sum()
            for label, place in {"teff": 0, "logg": 1, "m_h": 3}.items():
                value = float(row["PARAM"][place])
                assert sample.labels.get(label) == (None if value == -9999 else pytest.approx(value))
        assert spectrum.unit == "" and spectrum.mask.max() == 0


def test_real_visit_is_turned_round(astro_data):
    (path,) = (astro_data / "apogee").glob("apVisit-*")
    sample = only(path)
    spectrum = sample["spectrum_apogee_visit"]
    with fits.open(path) as hdus:
        flux, error, bits, wavelength = (hdus[i].data for i in (1, 2, 3, 4))
    order = np.argsort(wavelength.ravel())  # chips do not overlap
    np.testing.assert_allclose(spectrum.wavelength, wavelength.ravel()[order], rtol=1e-12)
    np.testing.assert_array_equal(spectrum.flux, flux.ravel()[order])
    np.testing.assert_allclose(spectrum.ivar, error.ravel()[order].astype("f8") ** -2, rtol=1e-5)
    assert spectrum.bad.sum() == ((bits & FATAL) != 0).sum()
    assert spectrum.frame == "observed"
    assert (np.diff(spectrum.wavelength) > 0).all()
