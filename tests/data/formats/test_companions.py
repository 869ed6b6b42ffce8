"""Which files are read together."""

from pathlib import Path

import pytest

from foundation.data.formats.companions import band_files, brick_file, leader, redrock_file


@pytest.fixture
def touch(tmp_path):
    def make(*names):
        for name in names:
            (tmp_path / name).touch()
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("present", "asked", "expected"),
    [
        (["DES_g.fits.gz", "DES_r.fits.gz"], "DES_r.fits.gz", "DES_g.fits.gz"),
        (["DES_r.fits.gz"], "DES_r.fits.gz", "DES_r.fits.gz"),
        (["DES_g.fits", "PS1_r.fits"], "PS1_r.fits", "PS1_r.fits"),
        (["redrock-1-2.fits", "coadd-1-2.fits.gz"], "redrock-1-2.fits", "coadd-1-2.fits.gz"),
        (["redrock-1-2.fits", "coadd-1-3.fits"], "redrock-1-2.fits", "redrock-1-2.fits"),
        (["legacysurvey-b-image-r.fits.fz"], "legacysurvey-b-invvar-z.fits.fz", "legacysurvey-b-image-r.fits.fz"),
        (["legacysurvey-b-image-r.fits.fz"], "legacysurvey-b-maskbits.fits.fz", "legacysurvey-b-image-r.fits.fz"),
        (["legacysurvey-b-image-r.fits.fz"], "legacysurvey-c-invvar-z.fits.fz", "legacysurvey-c-invvar-z.fits.fz"),
        (["legacysurvey-b-image-r.fits.fz"], "tractor-b.fits", "legacysurvey-b-image-r.fits.fz"),
        ([], "tractor-b.fits", "tractor-b.fits"),
        (["spec-1-2-3.fits"], "spec-1-2-4.fits", "spec-1-2-4.fits"),
    ],
)
def test_leader(touch, present, asked, expected):
    folder = touch(*present)
    assert leader(folder / asked) == folder / expected


def test_a_leader_leads_itself(touch):
    folder = touch("legacysurvey-b-image-g.fits.fz", "legacysurvey-b-image-r.fits.fz", "tractor-b.fits")
    first = folder / "legacysurvey-b-image-g.fits.fz"
    assert {leader(p) for p in folder.iterdir()} == {first}


def test_bands_come_in_order_of_wavelength(touch):
    folder = touch("a-z.fits", "a-g.fits", "a-u.fits", "a-w.fits", "b-r.fits", "a-i.fits.gz")
    assert list(band_files(folder / "a-z.fits")) == ["u", "g", "z"]
    assert band_files(folder / "a-w.fits") == {"": folder / "a-w.fits"}


def test_files_of_a_brick(touch):
    folder = touch("legacysurvey-b-invvar-g.fits.fz", "legacysurvey-b-maskbits.fits.fz", "tractor-b.fits")
    image = folder / "legacysurvey-b-image-g.fits.fz"
    assert brick_file(image, "invvar") == folder / "legacysurvey-b-invvar-g.fits.fz"
    assert brick_file(image, "maskbits") == folder / "legacysurvey-b-maskbits.fits.fz"
    assert brick_file(image, "tractor") == folder / "tractor-b.fits"
    assert brick_file(folder / "legacysurvey-b-image-r.fits.fz", "invvar") is None
    assert brick_file(Path("other.fits"), "invvar") is None


def test_redshifts_of_a_coadd(touch):
    folder = touch("redrock-1.fits", "redrock-2.fits.gz")
    assert redrock_file(folder / "coadd-1.fits.gz") == folder / "redrock-1.fits"
    assert redrock_file(folder / "spectra-2.fits") == folder / "redrock-2.fits.gz"
    assert redrock_file(folder / "coadd-3.fits") is None
    assert redrock_file(folder / "spec-1.fits") is None
