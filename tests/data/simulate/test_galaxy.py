"""Galaxies: what their spectra must show, measured from the spectra."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from foundation.data.simulate.galaxy import draw_galaxy, galaxy_spectrum
from foundation.data.simulate.grid import WAVELENGTH


def some(count=60, **changes):
    return [replace(draw_galaxy(np.random.default_rng([1, i])), **changes) for i in range(count)]


def line_flux(flux, continuum, centre):
    near = np.abs(WAVELENGTH / centre - 1) < 1.5e-3
    return ((flux - continuum) * np.gradient(WAVELENGTH))[near].sum()


def measured_lines(galaxy, *rest):
    """Fluxes of lines: the spectrum minus that of the same galaxy without gas."""
    bare = galaxy_spectrum(replace(galaxy, halpha_width=0.0))[0]
    whole = galaxy_spectrum(galaxy)[0]
    return [line_flux(whole, bare, centre * (1 + galaxy.z)) for centre in rest]


def test_balmer_decrement_is_case_b_and_grows_with_dust():
    clean = replace(some(1)[0], z=0.1, ebv=0.0, dispersion=80.0, halpha_width=50.0)
    alpha, beta, gamma = measured_lines(clean, 6564.6, 4862.7, 4341.7)
    assert (alpha / beta, gamma / beta) == pytest.approx((2.86, 0.468), rel=0.01)
    alpha, beta = measured_lines(replace(clean, ebv=0.2), 6564.6, 4862.7)
    # k(Hβ) is 1.27 above k(Hα) in the curve of Calzetti et al. 2000
    assert alpha / beta == pytest.approx(2.86 * 10 ** (0.4 * 2.27 * 0.2 * 1.27), rel=0.02)


def test_doublets_have_their_atomic_ratios():
    galaxy = replace(some(1)[0], z=0.2, dispersion=60.0, halpha_width=80.0)
    weak, strong = measured_lines(galaxy, 4960.3, 5008.2)
    assert strong / weak == pytest.approx(2.98, rel=0.03)


def test_halpha_has_its_equivalent_width():
    galaxy = replace(some(1)[0], z=0.1, dispersion=60.0, halpha_width=40.0, ebv=0.0)
    bare = galaxy_spectrum(replace(galaxy, halpha_width=0.0))[0]
    centre = 6564.6 * 1.1
    level = np.median(bare[np.abs(WAVELENGTH / centre - 1) < 0.01])
    assert measured_lines(galaxy, 6564.6)[0] / level / 1.1 == pytest.approx(40, rel=0.1)


def test_metal_poor_gas_lies_up_and_left_on_the_bpt_diagram_and_nuclei_up_and_right():
    base = replace(some(1)[0], z=0.1, dispersion=60.0, halpha_width=40.0, ebv=0.0, agn=False)
    points = []
    for change in ({"metallicity": 8.4}, {"metallicity": 8.9}, {"agn": True}):
        nii, alpha, oiii, beta = measured_lines(replace(base, **change), 6585.3, 6564.6, 5008.2, 4862.7)
        points.append((np.log10(nii / alpha), np.log10(oiii / beta)))
    (poor_x, poor_y), (rich_x, rich_y), (agn_x, agn_y) = points
    assert poor_x < rich_x < agn_x
    assert rich_y < poor_y < agn_y
    kauffmann = [0.61 / (x - 0.05) + 1.3 for x in (poor_x, rich_x)]  # Kauffmann et al. 2003, equation 1
    assert poor_y < kauffmann[0] and rich_y < kauffmann[1]
    assert agn_x > 0.05 or agn_y > 0.61 / (agn_x - 0.05) + 1.3


def test_passive_galaxies_have_the_stronger_break_at_4000():
    def break_strength(galaxy):
        flux, rest = galaxy_spectrum(galaxy)[0], WAVELENGTH / (1 + galaxy.z)
        # narrow definition of Balogh et al. 1999
        red, blue = flux[(rest > 4000) & (rest < 4100)].mean(), flux[(rest > 3850) & (rest < 3950)].mean()
        return red / blue

    found = [(g.star_forming, break_strength(g)) for g in some(z=0.15)]
    passive = [b for s, b in found if s < 0.2]
    active = [b for s, b in found if s > 0.8]
    assert np.mean(passive) > 1.4
    assert 0.9 < np.mean(active) < np.mean(passive) - 0.25


def test_old_light_is_part_of_the_whole_and_the_level_is_one_at_the_pivot():
    for galaxy in some(20, z=0.1, halpha_width=0.0):
        whole, old, infrared = galaxy_spectrum(galaxy)
        assert (old <= whole * (1 + 1e-9)).all() and (infrared > 0).all()
        assert np.median(whole[np.abs(WAVELENGTH / 6820 - 1) < 0.004]) == pytest.approx(1, rel=0.06)


def test_the_population_is_that_of_the_recipe():
    drawn = some(2000)
    z = np.array([g.z for g in drawn])
    assert z.min() > 0.01 and z.max() < 1.5
    assert stats.kstest(z, stats.gamma(2.2, scale=0.12).cdf).pvalue > 1e-3
    assert stats.kstest([g.star_forming for g in drawn], stats.beta(0.6, 0.6).cdf).pvalue > 1e-3
    assert np.mean([g.agn for g in drawn]) == pytest.approx(0.05, abs=0.02)
