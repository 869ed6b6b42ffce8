"""Lines that only high resolution shows: what they tell of a star, and that every survey sees the same ones."""

import numpy as np
import pytest

from foundation.data.simulate.grid import FINER, H_BAND, LIGHT_KMS, RESOLVED, WAVELENGTH, merged, resolved
from foundation.data.simulate.instrument import SPECTROGRAPHS
from foundation.data.simulate.narrow_lines import line_strengths, transmission
from foundation.data.simulate.spectrograph import line_spread
from foundation.data.simulate.star import Star, starlight


def dwarf(teff, feh=0.0, velocity=0.0):
    return Star("dwarf", teff, 4.4, feh, velocity)


def lost(lattice, teff, logg=4.4, feh=0.0):
    """Mean fraction of light that narrow lines take."""
    return 1 - transmission(lattice, line_strengths(teff, logg, feh), 0.0).mean()


def test_lattices_fit_each_other():
    inside = RESOLVED.wavelength.reshape(len(WAVELENGTH), FINER)
    np.testing.assert_allclose(np.sqrt(inside[:, 3] * inside[:, 4]), WAVELENGTH, rtol=1e-12)
    smooth = np.sin(WAVELENGTH / 200)
    np.testing.assert_allclose(merged(resolved(smooth)), smooth, atol=1e-4)


@pytest.mark.parametrize("lattice", [RESOLVED, H_BAND], ids=["optical", "H band"])
def test_metals_and_cold_deepen_lines(lattice):
    assert lost(lattice, 5000, feh=0.3) > 1.3 * lost(lattice, 5000, feh=-1.0) > 0.01
    assert lost(lattice, 4500) > lost(lattice, 5500) > lost(lattice, 8000)


@pytest.mark.parametrize("lattice", [RESOLVED, H_BAND], ids=["optical", "H band"])
def test_temperature_gravity_and_metallicity_change_lines_each_in_a_way_of_its_own(lattice):
    def spectrum(teff, logg, feh):
        return np.log(transmission(lattice, line_strengths(teff, logg, feh), 0.0))

    at = np.array([4800.0, 3.0, -0.2])
    steps = (np.array([200.0, 0, 0]), np.array([0, 1.0, 0]), np.array([0, 0, 0.3]))
    changes = np.stack([spectrum(*(at + s)) - spectrum(*(at - s)) for s in steps])
    changes /= np.linalg.norm(changes, axis=1, keepdims=True)
    assert np.linalg.svd(changes, compute_uv=False)[-1] > 0.1  # 0 if one were a mix of the others


def test_hot_stars_show_hydrogen_in_the_h_band():
    star = starlight(dwarf(9500))
    line = 1 / (1.0967758e-3 * (1 / 16 - 1 / 11**2))  # Brackett 11, 16811 Å
    near, beside = (np.abs(H_BAND.wavelength - line - x) < 5 for x in (0, 80))
    assert star.h_band[near].mean() < 0.9 * star.h_band[beside].mean()


def test_a_line_is_as_wide_as_turbulence_makes_it_and_moves_with_the_star():
    light = [starlight(dwarf(4800, 0.0, v)).resolved for v in (0.0, 100.0)]
    part = slice(*np.searchsorted(RESOLVED.wavelength, (6500, 6700)))
    still, moved = (x[part] / x[part].mean() - 1 for x in light)
    step = LIGHT_KMS * np.log(10) * RESOLVED.log_step
    shifts = np.arange(30, 65)
    products = [np.dot(still[100:-100], np.roll(moved, -s)[100:-100]) for s in shifts]
    assert shifts[int(np.argmax(products))] * step == pytest.approx(100, abs=2 * step)
    power = np.abs(np.fft.rfft(still * np.hanning(len(still)))) ** 2
    scale = np.fft.rfftfreq(len(still)) / step  # 1 / (km/s)
    assert power[scale > 0.1].sum() < 1e-3 * power[scale > 0.01].sum()  # nothing much narrower than 6 km/s


@pytest.mark.parametrize(("arm", "camera"), [(0, 0), (0, 1), (1, 2), (1, 3)])
def test_galah_smoothed_is_what_sdss_sees(arm, camera):
    """The same star through both instruments without noise, brought to a common resolution."""
    star = starlight(Star("giant", 4600, 2.4, -0.1, 30.0))
    sdss, galah = SPECTROGRAPHS["spectrum_sdss"], SPECTROGRAPHS["spectrum_galah"]
    low = line_spread("spectrum_sdss", arm, 1.0) @ star.flux
    high = line_spread("spectrum_galah", camera, 1.0) @ star.resolved
    grids = [
        s.grids[i].wavelength(np.arange(s.extent(i)[0], s.extent(i)[1] + 1)) for s, i in ((sdss, arm), (galah, camera))
    ]
    inside = (grids[0] > grids[1][0] + 15) & (grids[0] < grids[1][-1] - 15)
    shape = sdss.arms[arm]
    sigma = np.interp(grids[0][inside], (shape.low, shape.high), shape.lsf_sigma)
    kernel = np.exp(-0.5 * ((grids[1] - grids[0][inside][:, None]) / np.sqrt(sigma**2 - 0.12**2)[:, None]) ** 2)
    smoothed = kernel @ high / kernel.sum(1)
    assert np.abs(smoothed / low[inside] - 1).max() < 0.004
    assert np.std(low[inside] / np.median(low[inside])) > 0.012  # there is something to compare


def test_apogees_light_has_the_stars_own_wavelengths():
    still, moving = (starlight(dwarf(4800, 0.0, v)).h_band for v in (0.0, 200.0))
    np.testing.assert_array_equal(still, moving)
