"""Resampling: against numpy's interpolation and exact sums."""

import numpy as np
import pytest

from foundation.tokenizers.resample import interpolate, rebin

GRID = 4000 + 2.0 * np.arange(200)


def smooth(wavelength):
    return 2 + np.sin(wavelength / 30)


def spectrum(n=300, low=3990.0, step=1.5, seed=0):
    rng = np.random.default_rng(seed)
    wavelength = low + step * np.arange(n) * (1 + 1e-4 * np.arange(n))
    return wavelength, smooth(wavelength), rng.uniform(1, 3, n), np.zeros(n, np.int16)


def test_interpolation_is_numpys_where_all_is_usable():
    wavelength, flux, istd, segment = spectrum()
    value, sharpness = interpolate(wavelength, flux, istd, segment, GRID)
    inside = (wavelength[0] <= GRID) & (wavelength[-1] >= GRID)
    np.testing.assert_allclose(value[inside], np.interp(GRID, wavelength, flux)[inside], rtol=1e-10)
    np.testing.assert_allclose(sharpness[inside], np.interp(GRID, wavelength, istd)[inside], rtol=1e-10)


@pytest.mark.parametrize("onto", [interpolate, rebin])
def test_nothing_lies_outside_what_was_observed(onto):
    wavelength, flux, istd, segment = spectrum(n=100, low=4101.0)
    value, sharpness = onto(wavelength, flux, istd, segment, GRID)
    outside = (wavelength[0] - 1.8 > GRID) | (wavelength[-1] + 1.8 < GRID)
    assert outside.sum() > 80
    assert not value[outside].any()
    assert not sharpness[outside].any()


@pytest.mark.parametrize("onto", [interpolate, rebin])
def test_what_lies_under_unusable_pixels_does_not_matter(onto):
    wavelength, flux, istd, segment = spectrum()
    istd[50:60] = 0
    spoiled = flux.copy()
    spoiled[50:60] = 1e9
    for a, b in zip(
        onto(wavelength, flux, istd, segment, GRID), onto(wavelength, spoiled, istd, segment, GRID), strict=True
    ):
        np.testing.assert_array_equal(a, b)
    hole = (wavelength[50] < GRID) & (wavelength[59] > GRID)
    assert not onto(wavelength, flux, istd, segment, GRID)[1][hole][1:-1].any()


@pytest.mark.parametrize("onto", [interpolate, rebin])
def test_gaps_are_not_bridged(onto):
    wavelength, flux, istd, segment = spectrum()
    keep = (wavelength < 4100) | (wavelength > 4200)
    _, sharpness = onto(wavelength[keep], flux[keep], istd[keep], segment[keep], GRID)
    assert not sharpness[(GRID > 4102) & (GRID < 4198)].any()
    assert sharpness[(GRID > 4010) & (GRID < 4096)].all()


@pytest.mark.parametrize("onto", [interpolate, rebin])
def test_overlapping_segments_are_averaged_by_their_weight(onto):
    wavelength = 4000 + 2.0 * np.arange(200)  # pixels on the grid, so that both methods are exact
    blue, red = slice(0, 120), slice(80, 200)
    two = [np.concatenate([x[blue], y[red]]) for x, y in (
        (wavelength, wavelength), (np.full(200, 1.0), np.full(200, 4.0)), (np.full(200, 1.0), np.full(200, 2.0)),
        (np.zeros(200, int), np.ones(200, int)),
    )]  # fmt: skip
    value, sharpness = onto(*two, GRID)
    np.testing.assert_allclose(value[:80], 1)
    np.testing.assert_allclose(value[80:120], (1 + 4 * 4) / 5)
    np.testing.assert_allclose(value[120:], 4)
    np.testing.assert_allclose(sharpness[[0, 100, 199]], [1, 5**0.5, 2])


def test_a_grid_point_on_a_usable_pixel_needs_no_neighbour():
    wavelength = 4000 + 2.0 * np.arange(200)
    istd = np.ones(200)
    istd[100] = 0
    _, sharpness = interpolate(wavelength, np.ones(200), istd, np.zeros(200, int), GRID)
    assert np.flatnonzero(sharpness == 0).tolist() == [100]


def test_rebinning_loses_no_information_and_no_flux():
    wavelength, flux, istd, segment = spectrum(n=200, low=4050.0, step=0.7)
    value, sharpness = rebin(wavelength, flux, istd, segment, GRID)
    assert (sharpness**2).sum() == pytest.approx((istd**2).sum(), rel=1e-12)
    assert (sharpness**2 * value).sum() == pytest.approx((istd**2 * flux).sum(), rel=1e-12)


def test_rebinning_keeps_a_smooth_spectrum_in_place():
    """A slope would show a shift of half a pixel."""
    wavelength = 3990 + 0.9 * np.arange(500)
    value, sharpness = rebin(wavelength, wavelength.copy(), np.ones(500), np.zeros(500, int), GRID)
    inside = (sharpness > 0) & (GRID > 3995) & (GRID < 4395)
    assert np.abs(value[inside] - GRID[inside]).max() < 0.25
    assert np.abs((value - GRID)[inside].mean()) < 0.01


def test_rebinning_averages_the_noise_down():
    rng = np.random.default_rng(0)
    wavelength = 4000 + 0.5 * np.arange(800)
    pulls = []
    for _ in range(20):
        value, sharpness = rebin(wavelength, rng.normal(0, 2, 800), np.full(800, 0.5), np.zeros(800, int), GRID)
        pulls.append((value * sharpness)[1:-1])
    assert 0.6 < np.var(pulls) <= 1.05  # below 1: neighbouring cells share pixels


@pytest.mark.parametrize("onto", [interpolate, rebin])
def test_single_pixels(onto):
    value, sharpness = onto(np.array([4010.0]), np.array([3.0]), np.array([2.0]), np.array([0]), GRID)
    assert value[5] == pytest.approx(3)
    assert sharpness[5] == pytest.approx(2)
    assert (sharpness > 0).sum() == 1
