"""Planes: units, weights, measured noise and world coordinates."""

import numpy as np
import pytest
from astropy import units
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_scales

from foundation.data.formats.plane import Plane, celestial, check_grids, image_of, measured_ivar, pixel_scale
from foundation.data.records import RecordError

ALL = slice(0, 20), slice(0, 30)


@pytest.fixture
def flux():
    return np.random.default_rng(0).normal(10, 2, (20, 30)).astype("f4")


def header(scale=0.263, rotation=0.0, cards=()):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.crval, wcs.wcs.crpix = (40.0, -10.0), (15, 10)
    c, s = np.cos(rotation), np.sin(rotation)
    wcs.wcs.cd = scale / 3600 * np.array([[-c, s], [s, c]])
    return wcs.to_header()


@pytest.mark.parametrize("zero_point", [22.5, 27.0, 30.0, 31.4])
def test_zero_points_against_astropy(flux, zero_point):
    nmgy, ivar = Plane("X-G", zero_point, flux, np.full_like(flux, 4)).nanomaggies(*ALL)
    janskys = (zero_point * units.ABmag).to_value(units.Jy)  # of one unit
    expected = flux * janskys / (22.5 * units.ABmag).to_value(units.Jy)
    np.testing.assert_allclose(nmgy, expected, rtol=1e-5)
    np.testing.assert_allclose(nmgy * np.sqrt(ivar), flux * 2, rtol=1e-5)  # S/N does not depend on units


def test_variance_becomes_inverse_variance_and_zero_stays_zero(flux):
    variance = np.full_like(flux, 0.25)
    variance[0, 0] = 0
    ivar = Plane("X-G", 22.5, flux, variance, "variance").nanomaggies(*ALL)[1]
    assert ivar[0, 0] == 0
    np.testing.assert_allclose(ivar.ravel()[1:], 4)


def test_asinh_compressed_flux_is_linear_again(flux):
    soft, offset = 30.0, 3.0
    stored = 2.5 / np.log(10) * np.arcsinh((flux - offset) / (2 * soft))
    nmgy, _ = Plane("PS1-G", 22.5, stored, softening=(soft, offset)).nanomaggies(*ALL)
    np.testing.assert_allclose(nmgy, flux, rtol=1e-5)


def test_a_section_of_a_cube_in_a_file_is_that_section(tmp_path, flux):
    cube = np.stack([flux, flux * 2, flux * 3])
    fits.writeto(tmp_path / "cube.fits", cube)
    with fits.open(tmp_path / "cube.fits", memmap=False) as hdus:
        plane = Plane("X-G", 22.5, hdus[0], index=(2,))
        part, _ = plane.nanomaggies(slice(3, 8), slice(10, 12))
        np.testing.assert_array_equal(part, cube[2, 3:8, 10:12])
        loaded = plane.loaded(slice(3, 8), slice(10, 20))
    np.testing.assert_array_equal(loaded.nanomaggies(slice(0, 5), slice(0, 10))[0], cube[2, 3:8, 10:20])


def test_measured_noise_ignores_sources_and_uncovered_pixels():
    rng = np.random.default_rng(1)
    flux = rng.normal(0.1, 0.5, (80, 80))
    flux[:20, :20] += 100
    flux[60:] = 0
    flux[0, 79] = np.nan
    ivar = measured_ivar(flux)
    assert ivar[30, 30] ** -0.5 == pytest.approx(0.5, rel=0.1)
    assert (ivar[60:] == 0).all() and ivar[0, 79] == 0
    assert (measured_ivar(np.zeros((5, 5))) == 0).all()


def test_image_with_bits_and_policy(flux):
    bits = np.zeros(flux.shape, "i4")
    bits[1, 1], bits[2, 2] = 2, 8
    planes = [Plane("X-G", 22.5, flux, flux, mask=bits, bad_bits=8), Plane("X-R", 22.5, flux * 2)]
    wcs = WCS(header())
    image = image_of(planes, slice(1, 11), slice(1, 21), wcs, "x")
    assert image.bands == ("X-G", "X-R")
    assert image.flux.shape == (2, 10, 20)
    assert (image.mask[0, 0, 0], image.mask[0, 1, 1]) == (2, 8)
    assert image.bad.sum() == 1 and image.bad[0, 1, 1]
    inside, whole = WCS(fits.Header(image.wcs)).pixel_to_world_values(0, 0), wcs.pixel_to_world_values(1, 1)
    np.testing.assert_allclose(inside, whole, atol=1e-10)


@pytest.mark.parametrize("rotation", [0.0, 0.7, 3.0])
def test_pixel_scale(rotation):
    cards = header(0.2, rotation)
    assert pixel_scale(celestial(cards)) == pytest.approx(0.2)
    assert pixel_scale(celestial(cards)) == pytest.approx(proj_plane_pixel_scales(WCS(cards)).mean() * 3600)


def test_oblong_pixels_and_missing_coordinates():
    cards = header()
    cards["CDELT1"] *= 1.1
    with pytest.raises(RecordError, match="Resample to square"):
        pixel_scale(celestial(cards))
    with pytest.raises(RecordError, match="no sky coordinates"):
        celestial(fits.Header())


def test_planes_of_different_sizes(flux):
    with pytest.raises(RecordError, match="weights of X-R have"):
        check_grids([Plane("X-G", 22.5, flux), Plane("X-R", 22.5, flux, flux[:5])])
