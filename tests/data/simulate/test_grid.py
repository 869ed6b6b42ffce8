"""The lattice, checked against astropy's black body and against moments of lines."""

import numpy as np
import pytest
from astropy import units
from astropy.modeling.physical_models import BlackBody

from foundation.data.simulate import grid


def moments(flux):
    """Area, centre and width (Å) of what stands on a zero background."""
    weight = flux * np.gradient(grid.WAVELENGTH)
    area = weight.sum()
    centre = (weight * grid.WAVELENGTH).sum() / area
    return area, centre, np.sqrt((weight * (grid.WAVELENGTH - centre) ** 2).sum() / area)


@pytest.mark.parametrize("sigma", [25, 300, 3000])
@pytest.mark.parametrize("centre", [4000.3, 9000.7])
def test_a_line_has_the_area_centre_and_width_asked_for(centre, sigma):
    flux = np.zeros(grid.COUNT)
    grid.add_line(flux, centre, sigma, 7.0)
    area, place, width = moments(flux)
    assert area == pytest.approx(7, rel=1e-4)
    assert place == pytest.approx(centre, rel=2e-6)
    assert width == pytest.approx(centre * sigma / 299792.458, rel=2e-3)


def test_lines_beyond_the_lattice_are_left_out():
    flux = np.zeros(grid.COUNT)
    grid.add_line(flux, 2000, 100, 1.0)
    grid.add_line(flux, 20000, 100, 1.0)
    assert not flux.any()


@pytest.mark.parametrize("z", [-0.0015, 0.0, 0.1234, 1.49])
def test_redshift_moves_a_rest_line_to_one_plus_z(z):
    rest = 5000 / (1 + z)
    table = np.exp(-0.5 * ((grid.REST_WAVELENGTH - rest) / (rest * 3e-4)) ** 2)
    seen = grid.redshifted(np.stack([table, 2 * table]), z)
    assert seen.shape == (2, grid.COUNT)
    assert moments(seen[0])[1] == pytest.approx(5000, rel=1e-6)
    assert np.allclose(seen[1], 2 * seen[0])


def test_broadening_adds_in_quadrature_and_keeps_the_level_at_the_ends():
    line = np.zeros(grid.COUNT)
    grid.add_line(line, 6000, 60, 1.0)
    area, centre, width = moments(grid.broadened(line, 200))
    assert (area, centre) == pytest.approx((1, 6000), rel=1e-5)
    assert width / 6000 * 299792.458 == pytest.approx(np.hypot(60, 200), rel=5e-3)
    ramp = np.linspace(1, 3, grid.COUNT)
    assert np.allclose(grid.broadened(ramp, 300), ramp)


@pytest.mark.parametrize("temperature", [3000, 6000, 22000])
def test_planck_is_astropys_black_body(temperature):
    unit = units.erg / (units.s * units.cm**2 * units.AA * units.sr)
    wavelength = np.array([1500.0, 4000, 5500, 9000, 46000])
    theirs = BlackBody(temperature * units.K, scale=1 * unit)(wavelength * units.AA).value
    assert grid.planck(wavelength, temperature) == pytest.approx(theirs / theirs[2], rel=1e-4)
