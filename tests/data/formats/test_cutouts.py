"""DES and PS1 cut-outs."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits

from foundation.data.formats.catalog import read_file
from foundation.data.formats.source import FormatError

DES = {"EXTNAME": "SCI", "MAGZERO": 30.0, "BAND": "g", "FILTER": "g DECam SDSS c0001 4720.0 1520.0"}


def scene(seed, shape=(40, 50)):
    return np.random.default_rng(seed).normal(100, 5, shape).astype("f4")


def test_des_bands_become_one_image_in_nanomaggies(write_image):
    weight = np.full((40, 50), 0.04, "f4")
    weight[0] = 0
    for i, band in enumerate("rg"):
        path = write_image(
            f"DES_{band}.fits", scene(i), cards=DES | {"FILTER": f"{band} DECam"}, more=[(weight, "WGT")]
        )
    (sample,) = read_file(path)
    image = sample["image"]
    assert image.bands == ("DES-G", "DES-R")
    np.testing.assert_allclose(image.flux[0], scene(1) / 1000, rtol=1e-5)  # 7.5 magnitudes
    np.testing.assert_allclose(image.ivar[:, 1:], 4e4, rtol=1e-5)
    assert not image.usable[:, 0].any()


def test_des_bits_are_kept(write_image):
    bits = np.arange(2000, dtype="i4").reshape(40, 50)
    more = [(np.ones((40, 50), "f4"), "WGT"), (bits, "MSK")]
    (sample,) = read_file(write_image("DES_g.fits", scene(0), cards=DES, more=more))
    np.testing.assert_array_equal(sample["image"].mask[0], bits)


def test_another_file_among_the_bands(write_image):
    path = write_image("DES_g.fits", scene(0), cards=DES, more=[(scene(1), "WGT")])
    write_image("DES_r.fits", scene(0))
    with pytest.raises(FormatError, match=r"DES_r.fits: is no DES image like the other bands"):
        list(read_file(path))


@pytest.mark.parametrize("compressed", [False, True], ids=["linear", "asinh"])
def test_ps1_stack(write_image, compressed):
    cards = {"FPA.TELESCOPE": "PS1", "FPA.FILTER": "i.00000", "EXPTIME": 1000.0}
    stored = flux = scene(3)
    if compressed:
        cards |= {"BSOFTEN": 20.0, "BOFFSET": 1.0}
        stored = (2.5 / np.log(10) * np.arcsinh((flux - 1) / 40)).astype("f4")
    (sample,) = read_file(write_image("PS1_i.fits", stored, 0.25, {f"HIERARCH {k}": v for k, v in cards.items()}))
    image = sample["image"]
    assert image.bands == ("PS1-I",)
    # magnitude = 25 + 2.5 log10(exposure) - 2.5 log10(counts), and 22.5 - 2.5 log10(nanomaggies)
    np.testing.assert_allclose(22.5 - 2.5 * np.log10(image.flux[0]), 32.5 - 2.5 * np.log10(flux), atol=1e-4)
    assert sample.origin["noise"] == "from the scatter"


def test_real_galaxy_in_two_surveys(astro_data):
    folder = astro_data / "images_same_galaxy_3surveys"
    (des,) = read_file(folder / "DES_z.fits.gz")
    (ps1,) = read_file(folder / "PS1_g.fits.gz")
    assert des["image"].bands == ("DES-G", "DES-R", "DES-I", "DES-Z")
    assert des["image"].pixel_scale == pytest.approx(0.263, abs=1e-6)
    assert ps1["image"].pixel_scale == pytest.approx(0.25, abs=1e-6)
    np.testing.assert_allclose(des["image"].flux[1], fits.getdata(folder / "DES_r.fits.gz") / 1000, rtol=1e-5)
    apart = SkyCoord(des.origin["ra"], des.origin["dec"], unit="deg").separation(
        SkyCoord(ps1.origin["ra"], ps1.origin["dec"], unit="deg")
    )
    assert apart.arcsec < 0.3
    # both calibrations must give the galaxy the same brightness: r-band flux in the central 20 arcsec, sky removed
    brightness = []
    for sample in (des, ps1):
        image = sample["image"].select((sample["image"].bands[1],))
        half, c = round(10 / image.pixel_scale), image.flux.shape[1] // 2
        middle = slice(c - half, c + half)
        sky = np.median(image.flux[0, :20])
        brightness.append((image.flux[0, middle, middle] - sky).sum() * (10 / half / image.pixel_scale) ** 2)
    assert 2.5 * np.log10(brightness[0] / brightness[1]) == pytest.approx(0, abs=0.1)
