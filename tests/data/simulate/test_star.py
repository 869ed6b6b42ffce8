"""Stars: features that every spectral class is known by."""

import numpy as np
import pytest

from foundation.data.simulate.grid import WAVELENGTH
from foundation.data.simulate.star import Star, draw_star, starlight


def depth(star, centre, half_width, side):
    """Fractional depth of a feature against its sides."""
    flux = starlight(star).flux
    offset = np.abs(WAVELENGTH / (1 + star.z) - centre)
    return 1 - flux[offset < half_width].mean() / flux[(offset > side) & (offset < 2 * side)].mean()


def dwarf(teff, feh=0.0, velocity=0.0):
    return Star("dwarf", teff, 4.4, feh, velocity)


def test_balmer_lines_are_strongest_in_a_stars():
    hot, warm, cool = (depth(dwarf(t), 4862.7, 8, 40) for t in (9500, 7000, 5000))
    assert hot > warm > cool > -0.02
    assert hot > 0.25


def test_metals_strengthen_to_the_cool_and_to_the_metal_rich():
    assert depth(dwarf(5500), 3934.8, 6, 60) > depth(dwarf(8500), 3934.8, 6, 60) + 0.2
    assert depth(dwarf(5000, 0.3), 5177, 12, 60) > depth(dwarf(5000, -2.0), 5177, 12, 60) + 0.05


def test_titanium_oxide_makes_m_stars():
    head = [depth(dwarf(t), 7090, 40, 120) for t in (3000, 5000)]
    assert head[0] > 0.2 > head[1]


def test_white_dwarfs_have_the_widest_lines():
    white = Star("white_dwarf", 13000, 8.0, 0.0, 0.0)
    assert depth(white, 4862.7 + 25, 5, 150) > depth(dwarf(9500), 4862.7 + 25, 5, 150) + 0.05
    helium = Star("helium_white_dwarf", 18000, 8.0, 0.0, 0.0)
    assert depth(helium, 4472.7, 10, 90) > 0.1 > depth(helium, 4862.7, 10, 90)


def test_cataclysmic_variables_show_hydrogen_in_emission():
    assert depth(Star("cataclysmic", 14000, 8.0, 0.0, 0.0), 6564.6, 10, 60) < -0.3


def test_a_radial_velocity_shifts_the_lines():
    near = (WAVELENGTH > 8530) & (WAVELENGTH < 8560)

    def centre(velocity):
        flux = starlight(dwarf(4800, 0.0, velocity)).flux[near]
        weight = np.clip(np.percentile(flux, 90) - flux, 0, None)
        return (weight * WAVELENGTH[near]).sum() / weight.sum()

    assert (centre(200) - centre(-200)) / 8544.4 * 299792.458 == pytest.approx(400, rel=0.1)


def test_colours_follow_temperature():
    def colour(teff):
        flux = starlight(dwarf(teff)).flux
        return flux[np.abs(WAVELENGTH - 4500) < 50].mean() / flux[np.abs(WAVELENGTH - 8000) < 50].mean()

    values = [colour(t) for t in (3200, 4500, 6000, 9000, 15000)]
    assert values == sorted(values)


def test_dwarfs_have_the_published_colours():
    """B - V and U - B of Pecaut & Mamajek (2013), through bell-shaped bands, with the flux of magnitude 0."""

    def magnitude(flux, centre, width, zero):
        weight = np.exp(-0.5 * ((WAVELENGTH - centre) / (width / 2.355)) ** 2)
        return -2.5 * np.log10((flux * weight).sum() / weight.sum() / zero)

    bands = (3660, 600, 4.175), (4380, 900, 6.32), (5450, 850, 3.631)
    for teff, blue, ultraviolet in (
        (6550, 0.44, 0.0), (5930, 0.59, 0.08), (5770, 0.65, 0.15), (5270, 0.82, 0.45), (4830, 0.99, 0.80),
    ):  # fmt: skip
        u, b, v = (magnitude(starlight(dwarf(teff)).flux, *band) for band in bands)
        assert b - v == pytest.approx(blue, abs=0.08)
        assert u - b == pytest.approx(ultraviolet, abs=0.25)


def test_the_mix_of_stars():
    stars = [draw_star(np.random.default_rng(i)) for i in range(1500)]
    assert {s.subclass for s in stars} >= {"M", "K", "G", "F", "A", "WD"}
    assert np.std([s.velocity for s in stars]) == pytest.approx(50, rel=0.1)
    giants = [s for s in stars if s.kind == "giant"]
    assert 0.08 < len(giants) / 1500 < 0.2
    assert np.corrcoef([s.teff for s in giants], [s.logg for s in giants])[0, 1] > 0.9


@pytest.mark.parametrize(("teff", "colour"), [(9600, 16_000), (5500, 5600)])
def test_between_the_jumps_an_a_star_is_as_blue_as_a_hotter_black_body(teff, colour):
    flux = starlight(Star("dwarf", teff, 4.4, -2.5, 0.0)).flux
    seen = [np.median(flux[np.abs(WAVELENGTH - place) < 30]) for place in (5600, 8000)]
    black = [place**-5 / np.expm1(1.4388e8 / (place * colour)) for place in (5600, 8000)]  # Planck's law, in Å and K
    assert seen[0] / seen[1] == pytest.approx(black[0] / black[1], rel=0.05)
