"""HSC coadds, cubes and npz scenes."""

import numpy as np
import pytest
from astropy.io import fits

from foundation.data.formats.catalog import read_file
from foundation.data.formats.source import FormatError


@pytest.fixture
def write_coadd_image(tmp_path, write_image):
    """A calexp: header, image, mask with named planes, variance."""

    def write(name="calexp.fits", primary=(), planes=None, bunit=None):
        flux = np.full((32, 32), 10, "f4")
        bits = np.zeros((32, 32), "i4")
        bits[0, 0], bits[1, 1], bits[2, 2] = 1 << 3, 1 << 5, 1 << 9
        image = fits.ImageHDU(flux, fits.getheader(write_image("grid.fits", flux, 0.168)), name="IMAGE")
        if bunit:
            image.header["BUNIT"] = bunit
        mask = fits.ImageHDU(bits, name="MASK")
        for key, bit in (planes or {"MP_SAT": 3, "MP_DETECTED": 5, "MP_NO_DATA": 9}).items():
            mask.header[f"HIERARCH {key}"] = bit
        head = fits.PrimaryHDU()
        head.header.update({"FILTER": "HSC-I"} | dict(primary))
        fits.HDUList([head, image, mask, fits.ImageHDU(np.full((32, 32), 0.25, "f4"), name="VARIANCE")]).writeto(
            tmp_path / name
        )
        return tmp_path / name

    return write


@pytest.mark.parametrize(
    ("primary", "bunit", "zero_point"),
    [({"FLUXMAG0": 63095734448.0194}, None, 27.0), ({}, None, 27.0), ({}, "nJy", 31.4)],
)
def test_coadd_units(write_coadd_image, primary, bunit, zero_point):
    (sample,) = read_file(write_coadd_image(primary=primary, bunit=bunit))
    image = sample["image"]
    assert image.bands == ("HSC-I",)
    np.testing.assert_allclose(image.flux, 10 * 10 ** (0.4 * (22.5 - zero_point)), rtol=1e-5)
    np.testing.assert_allclose(image.flux * np.sqrt(image.ivar), 20, rtol=1e-5)


def test_mask_planes_are_found_by_name(write_coadd_image):
    (one,) = read_file(write_coadd_image())
    (other,) = read_file(write_coadd_image("b.fits", planes={"MP_SAT": 5, "MP_DETECTED": 3}))
    assert np.argwhere(one["image"].bad[0]).tolist() == [[0, 0], [2, 2]]
    assert np.argwhere(other["image"].bad[0]).tolist() == [[1, 1]]
    assert one["image"].mask[0, 1, 1] == 1 << 5


def test_a_filter_that_is_not_hsc(write_coadd_image):
    with pytest.raises(FormatError, match="FILTER is 'NB0921'"):
        list(read_file(write_coadd_image(primary={"FILTER": "NB0921"})))


def test_cube(write_image):
    cube = np.random.default_rng(0).normal(0, 1, (5, 40, 40)).astype("f8")
    (sample,) = read_file(write_image("cube.fits", cube, 0.168))
    assert sample["image"].bands == ("HSC-G", "HSC-R", "HSC-I", "HSC-Z", "HSC-Y")
    np.testing.assert_allclose(sample["image"].flux, cube / 63.0957, rtol=1e-4)


def test_five_planes_of_another_pixel_scale_are_not_hsc(write_image):
    with pytest.raises(FormatError, match="not a format this version reads"):
        list(read_file(write_image("cube.fits", np.ones((5, 40, 40)), 0.2)))


def test_npz_scene(tmp_path):
    parts = {"images": np.ones((2, 8, 9)), "variance": np.full((2, 8, 9), 0.25), "filters": np.array(["g", "r"])}
    parts["variance"][0, 0, 0] = 0
    np.savez(tmp_path / "scene.npz", mask=np.full((2, 8, 9), 32), **parts)
    (sample,) = read_file(tmp_path / "scene.npz")
    image = sample["image"]
    assert image.bands == ("HSC-G", "HSC-R")
    np.testing.assert_allclose((image.flux * np.sqrt(image.ivar))[1], 2, rtol=1e-5)
    assert image.ivar[0, 0, 0] == 0
    assert (image.mask == 32).all() and not image.bad.any()


def test_pickled_arrays_are_never_opened(tmp_path):
    parts = {name: np.array([{}], dtype=object) for name in ("images", "variance", "mask", "filters")}
    np.savez(tmp_path / "scene.npz", **parts)
    with pytest.raises(FormatError, match=r"scene.npz: .*Object arrays cannot be loaded"):
        list(read_file(tmp_path / "scene.npz"))


def test_real_scenes(astro_data):
    (cube,) = read_file(astro_data / "images_hsc" / "Cut_HSC1.fits")
    assert cube["image"].flux.shape == (5, 50, 50)
    assert cube["image"].pixel_scale == pytest.approx(0.168, abs=1e-4)
    assert 150 < cube.origin["ra"] < 151 and 1.5 < cube.origin["dec"] < 3  # the COSMOS field
    (scene,) = read_file(astro_data / "images_hsc" / "hsc_cosmos_35.npz")
    assert scene["image"].flux.shape == (5, 58, 48)
    assert np.median(scene["image"].ivar[0]) ** -0.5 * 63.0957 == pytest.approx(0.0128, abs=0.001)
