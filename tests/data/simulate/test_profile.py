"""Profiles in Fourier space against direct integration."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gammainc, j0

from foundation.data.simulate.profile import moffat_transform, sersic_b, sersic_total, sersic_transform


def brightness(r, index):
    return np.exp(-sersic_b(index) * (r ** (1 / index) - 1))


@pytest.mark.parametrize("index", [0.6, 1.0, 2.5, 4.0, 6.0])
def test_total_flux_is_the_integral_and_half_of_it_lies_inside(index):
    whole = 2 * np.pi * quad(lambda r: brightness(r, index) * r, 0, np.inf, limit=400)[0]
    assert sersic_total(index) == pytest.approx(whole, rel=1e-5)
    assert gammainc(2 * index, sersic_b(index)) == pytest.approx(0.5, abs=1e-4)


@pytest.mark.parametrize("index", [0.5, 1.0, 2.6, 4.0, 5.9])
def test_sersic_transform_is_the_hankel_integral(index):
    edge = (30 / sersic_b(index) + 1) ** index  # beyond it lies e^-30 of the peak
    radius = np.linspace(0, edge ** (1 / index), 400_001) ** index  # fine at the centre
    middle, width = (radius[1:] + radius[:-1]) / 2, np.diff(radius)
    shells = brightness(middle, index) * middle * width
    k = np.array([1e-9, 0.01, 0.3, 1.0, 3.0, 10.0, 40.0])
    direct = np.array([(shells * j0(one * middle)).sum() for one in k]) / shells.sum()
    assert sersic_transform(index, k) == pytest.approx(direct, abs=4e-3)
    assert sersic_transform(index, np.array([1e-3])) == pytest.approx([1.0], abs=1e-3)  # unit flux


def test_moffat_transform_is_the_hankel_integral():
    fwhm = 1.2
    core = fwhm / 2 / np.sqrt(2 ** (1 / 3) - 1)
    radius = np.linspace(0, 200, 400_001)
    shells = (1 + (radius / core) ** 2) ** -3.0 * radius
    k = np.array([0.0, 0.5, 2.0, 6.0])
    direct = np.array([(shells * j0(one * radius)).sum() for one in k]) / shells.sum()
    assert moffat_transform(fwhm, k) == pytest.approx(direct, abs=1e-4)
    assert moffat_transform(fwhm, np.array([1e3])) == 0
