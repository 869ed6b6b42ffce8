"""Raw vectors: what was measured, on a common grid, and NaN where nothing was."""

import numpy as np
import pytest

from foundation.data.records import Image, Scalar, Spectrum
from foundation.evaluation.raw import raw_columns, raw_image, raw_matrix, raw_scalar, raw_spectrum, raw_vectors


def spectrum(flux, wavelength, ivar=None):
    return Spectrum(flux, wavelength, np.ones(len(flux)) if ivar is None else ivar)


def test_a_spectrum_does_not_depend_on_its_grid():
    shape = lambda w: 3 + np.sin(w / 300)  # noqa: E731
    sdss, desi = 10 ** np.arange(3.56, 3.98, 1e-4), np.arange(3650, 9700, 0.8)
    a, b = raw_spectrum(spectrum(shape(sdss), sdss)), raw_spectrum(spectrum(shape(desi), desi))
    both = np.isfinite(a) & np.isfinite(b)
    assert both.sum() > 350
    np.testing.assert_allclose(a[both], b[both], atol=0.01)


def test_a_spectrum_ten_times_brighter_differs_in_one_number():
    wavelength = np.linspace(4000, 9000, 2000)
    flux = 2 + np.cos(wavelength / 200)
    a, b = raw_spectrum(spectrum(flux, wavelength)), raw_spectrum(spectrum(10 * flux, wavelength))
    np.testing.assert_allclose(a[:-1], b[:-1], atol=1e-5)
    assert b[-1] - a[-1] == pytest.approx(1)


def test_unusable_pixels_do_not_count():
    wavelength = np.linspace(4000, 9000, 2000)
    flux, ivar = np.ones(2000), np.ones(2000)
    flux[::3], ivar[::3] = 1e6, 0
    vector = raw_spectrum(spectrum(flux, wavelength, ivar))
    assert np.nanmax(vector) == pytest.approx(np.arcsinh(1))


def test_pixels_are_weighted_by_inverse_variance():
    wavelength = np.array([5000.0, 5000.5])  # one bin
    vector = raw_spectrum(spectrum(np.array([1.0, 4.0]), wavelength, np.array([3.0, 1.0])))
    mean, scale = (3 * 1 + 1 * 4) / 4, 2.5
    assert vector[np.isfinite(vector)][0] == pytest.approx(np.arcsinh(mean / scale))


def test_a_spectrum_without_usable_pixels_is_not_measured():
    assert np.isnan(raw_spectrum(spectrum(np.ones(5), np.arange(4000.0, 4005), np.zeros(5)))).all()


def test_a_flux_becomes_a_magnitude_and_other_numbers_stay():
    bright, brighter = (raw_scalar(Scalar(f, "flux_g", "nmgy"))[0] for f in (1000.0, 10000.0))
    assert brighter - bright == pytest.approx(np.log(10), rel=1e-3)  # natural logarithm far above the noise
    assert np.isfinite(raw_scalar(Scalar(-0.3, "flux_g", "nmgy"))[0])
    assert raw_scalar(Scalar(0.7, "shape_r", "arcsec"))[0] == pytest.approx(0.7)


def image(flux, scale, ivar=1.0):
    flux = np.asarray(flux, float)
    return Image(flux, tuple(f"DES-{b}" for b in "GRIZ"[: len(flux)]), scale, np.full(flux.shape, ivar))


def test_an_image_does_not_depend_on_its_pixel_scale():
    fine = np.full((1, 64, 64), 0.25 * 0.25 * 0.4)  # 0.4 nMgy per square arcsec in pixels of 0.25 arcsec
    coarse = np.full((1, 32, 32), 0.5 * 0.5 * 0.4)
    a, b = raw_image(image(fine, 0.25))["DES-G"], raw_image(image(coarse, 0.5))["DES-G"]
    np.testing.assert_allclose(a[:256], np.arcsinh(0.4 / 0.1), rtol=1e-5)
    np.testing.assert_allclose(b[:256], a[:256], rtol=1e-5)
    np.testing.assert_allclose(np.sinh(a[256:]), np.sinh(b[256:]), rtol=0.15)  # apertures, within a pixel's edge


def test_an_aperture_holds_the_flux_inside():
    flux = np.zeros((1, 33, 33))
    flux[0, 16, 16], flux[0, 16, 26] = 5.0, 3.0  # at the centre and 5 arcsec from it
    apertures = raw_image(image(flux, 0.5))["DES-G"][256:]
    np.testing.assert_allclose(np.sinh(apertures) * 0.1, [5, 5, 8], rtol=1e-4)


def test_an_image_smaller_than_the_stamp_is_unmeasured_outside():
    vector = raw_image(image(np.ones((1, 8, 8)), 0.5))["DES-G"]
    assert np.isfinite(vector[:256]).sum() == 16
    assert np.isfinite(vector[256:]).all()


def test_columns_have_gaps_where_an_object_lacks_something():
    objects = [raw_vectors({"redshift": Scalar(1.0, "redshift")}), raw_vectors({"ebv": Scalar(2.0, "ebv")})]
    columns = raw_columns(objects)
    np.testing.assert_array_equal(columns["redshift"], [[1], [np.nan]])
    np.testing.assert_array_equal(columns["ebv"], [[np.nan], [2]])


def test_matrix_takes_the_bands_of_the_asked_modalities_only():
    columns = {
        "image/DES-R": np.full((2, 3), 1.0),
        "image/DES-G": np.full((2, 3), 0.0),
        "redshift": np.full((2, 1), 9.0),
    }
    np.testing.assert_array_equal(raw_matrix(columns, columns, ("image",)), [[0, 0, 0, 1, 1, 1]] * 2)


def test_matrix_of_another_set_has_the_same_columns():
    columns = {"image/DES-G": np.zeros((2, 3)), "image/DES-R": np.ones((2, 3))}
    other = {"image/DES-R": np.full((1, 3), 7.0), "image/HSC-I": np.ones((1, 3))}
    np.testing.assert_array_equal(raw_matrix(other, columns, ("image",)), [[np.nan] * 3 + [7] * 3])
