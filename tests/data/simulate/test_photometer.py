"""Gaia's prisms: low resolution, correlated errors of the declared size, and the object that other surveys see."""

import numpy as np
import pytest

from foundation.data.formats.gaia_calibration import GRID
from foundation.data.simulate.grid import WAVELENGTH, add_line
from foundation.data.simulate.photometer import CALIBRATION, PRISMS, expose
from foundation.data.simulate.star import Star, starlight

STAR = 40 * starlight(Star("dwarf", 5600, 4.4, -0.2, 20.0)).flux


def exposures(flux=STAR, snr=50.0, count=60):
    return [expose(flux, snr, np.random.default_rng([4, i])) for i in range(count)]


def test_basis_functions_are_orthonormal_where_they_live():
    wide = PRISMS["bp"].low * (PRISMS["bp"].high / PRISMS["bp"].low) ** np.linspace(-0.4, 1.4, 4000)
    basis = PRISMS["bp"].basis(wide)
    x = 9.5 * 2 * np.log(wide) / np.log(PRISMS["bp"].high / PRISMS["bp"].low)
    np.testing.assert_allclose(basis.T @ (basis * np.gradient(x)[:, None]), np.eye(basis.shape[1]), atol=1e-3)


def test_samples_are_the_objects_light_at_low_resolution():
    one = expose(STAR, 100.0, np.random.default_rng(0))
    inside = (GRID > 3700) & (GRID < 9900)
    width = np.array([np.abs(WAVELENGTH - g) < 90 for g in GRID[inside]])
    light = (width @ STAR) / width.sum(1)
    assert np.median(np.abs(one.noiseless[inside] / light - 1)) < 0.01
    assert np.abs(one.noiseless[inside] / light - 1).max() < 0.12  # at the break of calcium


@pytest.mark.parametrize(("centre", "power"), [(4500.0, 63.0), (8500.0, 70.0)])
def test_lines_are_as_wide_as_the_resolving_power_says(centre, power):
    flux = np.full(len(WAVELENGTH), 1.0)
    plain = expose(flux, 100.0, np.random.default_rng(0)).noiseless
    add_line(flux, centre, 300.0, 400.0)
    line = expose(flux, 100.0, np.random.default_rng(0)).noiseless - plain
    near = np.abs(GRID - centre) < 2.5 * centre / power
    spread = np.sqrt((line[near] * (GRID[near] - centre) ** 2).sum() / line[near].sum())
    assert spread * 2.355 == pytest.approx(centre / power, rel=0.3)


def test_errors_have_the_declared_variance_and_correlation():
    seen = exposures()
    residual = np.array(
        [one.records["spectrum_gaia"].flux - one.noiseless for one in seen if "spectrum_gaia" in one.records]
    )
    sigma = np.array([one.records["spectrum_gaia"].ivar ** -0.5 for one in seen if "spectrum_gaia" in one.records])
    assert np.median(np.std(residual / sigma, axis=0)) == pytest.approx(1, abs=0.1)
    declared = seen[0].covariance / np.outer(*[np.sqrt(np.diagonal(seen[0].covariance))] * 2)
    assert np.median(np.diagonal(declared, 1)) > 0.5  # neighbours hang together
    found = np.mean(residual[:, 1:] * residual[:, :-1] / (sigma[:, 1:] * sigma[:, :-1]))
    assert found == pytest.approx(np.mean(np.diagonal(declared, 1)), abs=0.1)


def test_coefficients_have_the_covariance_that_they_state():
    seen = exposures(count=300)
    truth = np.mean([one.records["coefficients_gaia_rp"].values for one in seen], axis=0)
    first = seen[0].records["coefficients_gaia_rp"]
    pulls = np.linalg.solve(
        np.linalg.cholesky(first.covariance),
        np.array([one.records["coefficients_gaia_rp"].values - truth for one in seen]).T,
    )
    assert np.mean(pulls[5:] ** 2) == pytest.approx(1, abs=0.15)  # the first few also hold the calibration
    assert CALIBRATION < 0.01


def test_the_exposure_reaches_its_signal_to_noise_and_blue_is_missing_at_times():
    for snr in (12.0, 200.0):
        reached = [o.records["spectrum_gaia"].snr for o in exposures(snr=snr, count=8) if "spectrum_gaia" in o.records]
        assert np.median(reached) == pytest.approx(snr, rel=0.1)
    without = [one for one in exposures(count=200) if "coefficients_gaia_bp" not in one.records]
    assert 0 < len(without) < 15
    assert all(set(one.records) == {"coefficients_gaia_rp"} for one in without)
