"""Legacy Surveys bricks and cut-outs."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from foundation.data.formats.catalog import read_file
from foundation.data.formats.source import FormatError

CARDS = {"BRICKNAM": "1500p020", "IMTYPE": "image", "FILTER": "g", "MAGZERO": 22.5, "INSTRUME": "decam"}
SIDE = 600


@pytest.fixture
def write_brick(write_image):
    def write(kind, band="", data=None, **cards):
        seed = sum(map(ord, kind + band))
        data = np.random.default_rng(seed).normal(1, 0.1, (SIDE, SIDE)).astype("f4") if data is None else data
        name = f"legacysurvey-1500p020-{kind}{f'-{band}' if band else ''}.fits.fz"
        return write_image(name, data, cards=CARDS | {"IMTYPE": kind, "FILTER": band} | cards)

    return write


def test_bands_weights_and_mask_of_a_brick_are_read_together(write_brick):
    weight = np.full((SIDE, SIDE), 9, "f4")
    weight[96:] = 0
    bits = np.zeros((SIDE, SIDE), "i4")
    bits[1, 1], bits[2, 2], bits[3, 3] = 1 << 2, 1 << 3, 1 << 12  # SATUR_G, SATUR_R, GALAXY
    image_r, image_g = write_brick("image", "r"), write_brick("image", "g")
    for band in "gr":
        write_brick("invvar", band, weight)
    write_brick("maskbits", data=bits)
    samples = list(read_file(image_r))
    assert len(samples) == 6
    image = samples[0]["image"]
    assert image.bands == ("DES-G", "DES-R")
    assert image.pixel_scale == pytest.approx(0.262)
    np.testing.assert_array_equal(image.flux[0], fits.getdata(image_g)[:96, :96])
    np.testing.assert_array_equal(image.flux[1], fits.getdata(image_r)[:96, :96])
    assert (image.ivar == 9).all()
    np.testing.assert_array_equal(image.mask[0], bits[:96, :96])
    assert [list(zip(*np.nonzero(bad), strict=True)) for bad in image.bad] == [[(1, 1)], [(2, 2)]]


def test_a_catalogue_beside_the_brick_gives_a_cut_out_a_row(write_brick, write_table):
    image = write_brick("image", "z", INSTRUME="mosaic3")
    ra, dec = WCS(fits.getheader(image, 1)).pixel_to_world_values([100, 5], [200, 5])
    rows = {"RELEASE": [1, 1], "BRICKID": [2, 2], "OBJID": [3, 4], "RA": ra, "DEC": dec, "TYPE": ["PSF", "PSF"]}
    catalogue = write_table("tractor-1500p020.fits", rows | {"FLUX_G": [1.0, 2.0], "FLUX_IVAR_G": [4.0, 4.0]})
    (sample,) = read_file(catalogue)
    assert sample.key == "legacy-1-2-3"
    assert set(sample.records) == {"image", "flux_g"}
    assert sample["image"].bands == ("MZLS-Z",)
    np.testing.assert_array_equal(sample["image"].flux[0], fits.getdata(image)[152:248, 52:148])


def test_weights_without_their_image(write_brick):
    with pytest.raises(FormatError, match=r"holds invvar of a brick. Put legacysurvey-1500p020-image-g.fits.fz beside"):
        list(read_file(write_brick("invvar", "g")))


def test_bands_of_different_sizes(write_brick):
    write_brick("image", "g")
    other = write_brick("image", "r", np.ones((SIDE, 300), "f4"))
    with pytest.raises(FormatError, match="must be on one grid"):
        list(read_file(other))


@pytest.mark.parametrize(
    ("dec", "layer", "bands"),
    [(2.0, "ls-dr9", ("DES-G", "DES-R", "DES-Z")), (50.0, "ls-dr9", ("BASS-G", "BASS-R", "MZLS-Z"))],
)
def test_cut_out_cubes(write_image, dec, layer, bands):
    cube = np.random.default_rng(0).normal(0, 1, (3, 64, 64)).astype("f4")
    cards = {"BANDS": "grz", "SURVEY": "LegacySurvey", "LAYER": layer}
    path = write_image("cutout.fits", cube, cards=cards, more=[(np.full_like(cube, 4), "IVAR")], dec=dec)
    (sample,) = read_file(path)
    assert sample["image"].bands == bands
    np.testing.assert_array_equal(sample["image"].flux, cube)
    assert (sample["image"].ivar == 4).all()


def test_a_cut_out_whose_bands_are_not_its_planes(write_image):
    cards = {"BANDS": "griz", "SURVEY": "LegacySurvey"}
    with pytest.raises(FormatError, match="BANDS is 'griz' but the image is"):
        list(read_file(write_image("cutout.fits", np.ones((3, 64, 64), "f4"), cards=cards)))


def test_real_brick(astro_data):
    folder = astro_data / "images_legacy"
    samples = list(read_file(folder / "legacysurvey-0959p805-image-g.fits.fz"))
    flux = fits.getdata(folder / "legacysurvey-0959p805-image-g.fits.fz")
    ivar = fits.getdata(folder / "legacysurvey-0959p805-invvar-g.fits.fz")
    tiles = ivar[: 37 * 96, : 37 * 96].reshape(37, 96, 37, 96)
    assert len(samples) == (tiles.max((1, 3)) > 0).sum()
    assert sum(float(s["image"].ivar.sum(dtype="f8")) for s in samples) == pytest.approx(tiles.sum(dtype="f8"))
    image = next(s["image"] for s in samples if s.key == "legacy-0959p805-x192-y96")
    np.testing.assert_array_equal(image.flux[0], flux[96:192, 192:288])
    assert image.bands == ("BASS-G",)
    assert image.pixel_scale == pytest.approx(0.262)
    assert np.median(image.ivar[image.ivar > 0]) ** -0.5 == pytest.approx(0.0038, abs=0.0003)
