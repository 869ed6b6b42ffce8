"""Synthetic fluxes against speclite's own integration, and the sentence if it is missing."""

import numpy as np
import pytest
from astropy import units
from speclite.filters import load_filters

from foundation.data.simulate import photometry
from foundation.data.simulate.grid import INFRARED, WAVELENGTH
from foundation.data.simulate.source import draw_source, flux_density

FLUX = 1e-17 * units.erg / (units.s * units.cm**2 * units.AA)


def theirs(names, flux, wavelength):
    table = load_filters(*names).get_ab_maggies(flux * FLUX, wavelength * units.AA, mask_invalid=False)
    return np.array([table[name][0] for name in names]) * 1e9


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["GALAXY", "QSO", "STAR"])
def test_fluxes_are_those_of_speclite(kind):
    source = draw_source(kind, np.random.default_rng(3))
    edges = WAVELENGTH[0] / 10, WAVELENGTH[-1] * 2  # speclite wants the whole curve covered, also where it is 0
    wavelength, flux = np.r_[edges[0], WAVELENGTH, edges[1]], np.r_[0, source.flux, 0]
    names = [photometry.CURVES[band] for band in photometry.OPTICAL]
    assert photometry.optical_fluxes(source.flux) == pytest.approx(theirs(names, flux, wavelength), rel=2e-3)
    names = [photometry.CURVES[band] for band in photometry.WISE]
    ours = photometry.wise_fluxes(source.infrared)
    assert ours == pytest.approx(theirs(names, source.infrared, INFRARED), rel=1e-2)


def test_a_flat_spectrum_has_its_ab_magnitude_in_every_band():
    flat = np.array([flux_density(20.0, w) for w in WAVELENGTH])
    assert 22.5 - 2.5 * np.log10(photometry.optical_fluxes(flat)) == pytest.approx(20.0, abs=1e-3)


def test_depth_is_five_sigma():
    assert photometry.sigma_of_depth("g") * 5 == pytest.approx(10 ** (0.4 * (22.5 - 24.7)))
