"""Quasars: lines where they belong, and the right mean absorption of the forest."""

from dataclasses import replace

import numpy as np
import pytest

from foundation.data.simulate.grid import WAVELENGTH
from foundation.data.simulate.quasar import broad_absorption, continuum, draw_quasar, intergalactic, quasar_spectrum


def test_mean_transmission_of_the_forest_is_the_published_law():
    many = np.mean([intergalactic(3.2, np.random.default_rng(i)) for i in range(150)], axis=0)
    z_absorber = WAVELENGTH / 1215.67 - 1
    for low, high in ((2.7, 2.9), (2.9, 3.1)):
        near = (z_absorber > low) & (z_absorber < high)
        expected = np.exp(-0.0036 * (1 + z_absorber[near]) ** 3.45).mean()
        assert many[near].mean() == pytest.approx(expected, rel=0.02)
    assert (many[WAVELENGTH > 1215.67 * 4.2] == 1).all()


def test_the_forest_is_clumpy_and_the_lyman_limit_dark():
    through = intergalactic(4.2, np.random.default_rng(0))
    forest = through[(WAVELENGTH > 5500) & (WAVELENGTH < 6200)]
    assert forest.std() > 0.2
    assert forest.min() < 0.05 and forest.max() > 0.8
    assert through[WAVELENGTH < 911.76 * 5.2].mean() < 0.5 * through[WAVELENGTH > 911.76 * 5.2].mean()


def test_nearby_quasars_see_no_forest():
    assert (intergalactic(1.5, np.random.default_rng(0)) == 1).all()


def test_broad_lines_stand_at_one_plus_z():
    for z, rest in ((0.9, 2799.1), (0.5, 4862.7)):
        quasar = replace(draw_quasar(np.random.default_rng(2)), z=z, trough=None, fwhm=3000.0, iron=0.0, narrow=0.0)
        excess = quasar_spectrum(quasar, np.random.default_rng(0))[0] / continuum(quasar, WAVELENGTH / (1 + z)) - 1
        near = np.abs(WAVELENGTH / rest / (1 + z) - 1) < 0.03
        assert WAVELENGTH[near][excess[near].argmax()] == pytest.approx(rest * (1 + z), rel=1e-3)
        width = (excess * np.gradient(WAVELENGTH))[near].sum() / (1 + z)
        assert 10 < width < 120  # rest Å


def test_continuum_breaks_in_slope():
    quasar = replace(draw_quasar(np.random.default_rng(2)), slope=-1.7)
    blue, red = (np.log(continuum(quasar, np.array(pair))) for pair in ([2000.0, 4000.0], [5000.0, 7000.0]))
    assert np.diff(blue) / np.log(2) == pytest.approx([-1.7], abs=0.02)
    assert np.diff(red) / np.log(1.4) == pytest.approx([-0.5], abs=0.1)


def test_a_trough_lies_blueward_of_its_line():
    rest = np.linspace(1300, 1700, 4000)
    through = broad_absorption((10000.0, 3000.0), rest)
    darkest = rest[through < 0.2]
    assert 1549 * (1 - 12500 / 299792) < darkest.min() < darkest.max() < 1549 * (1 - 7500 / 299792)
    assert through[rest > 1549].min() > 0.99


def test_redshifts_span_the_range():
    z = np.array([draw_quasar(np.random.default_rng(i)).z for i in range(800)])
    assert z.min() > 0.3 and z.max() < 4.5
    assert 1.4 < np.median(z) < 2.0 and (z > 2.5).mean() > 0.1
