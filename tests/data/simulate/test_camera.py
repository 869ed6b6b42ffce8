"""Images: flux is conserved, profiles are galsim's, noise and defects are as declared."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from foundation.data.simulate import camera
from foundation.data.simulate.camera import PIXEL, Light, blurred_noise, draw_neighbours, expose, render
from foundation.data.simulate.source import Ellipse

ONE = np.array([1.0, 2.0, 3.0, 4.0])
SEEING = np.array([1.3, 1.2, 1.1, 1.0])


@pytest.mark.parametrize("shape", [None, Ellipse(1.0, 0.8, 0.6, 0.7), Ellipse(2.5, 0.6, 0.9, 2.0)])
def test_the_stamp_holds_the_objects_flux(shape):
    clean = render([Light(ONE, shape)], SEEING, 64)
    assert clean.shape == (4, 64, 64)
    assert clean.sum((1, 2)) == pytest.approx(ONE, rel=0.02)


def test_lights_add_up():
    a, b = Light(ONE), Light(2 * ONE, Ellipse(1.5, 1.0, 0.5, 0.0), 8.0, -5.0)
    assert np.allclose(render([a, b], SEEING, 32), render([a], SEEING, 32) + render([b], SEEING, 32), atol=1e-9)


def test_a_light_stands_where_it_was_put():
    clean = render([Light(ONE, None, 7.3, -4.6)], SEEING, 64)[0]
    y, x = np.mgrid[:64, :64] - 31.5
    near = np.hypot(x - 7.3, y + 4.6) < 12
    weight = clean[near] / clean[near].sum()
    assert ((weight * x[near]).sum(), (weight * y[near]).sum()) == pytest.approx((7.3, -4.6), abs=0.03)


def test_the_atmosphere_has_its_width():
    clean = render([Light(ONE)], np.full(4, 1.5), 65)[0]
    profile = clean[32] / clean[32, 32]
    half = np.interp(0.5, profile[32:45][::-1], np.arange(12, -1, -1.0))
    assert 2 * half * PIXEL == pytest.approx(np.hypot(1.5, 0.6 * PIXEL), rel=0.03)


@pytest.mark.parametrize("index", [1.0, 2.5, 4.0])
def test_profiles_are_those_of_galsim(index):
    galsim = pytest.importorskip("galsim")
    shape = Ellipse(index, 1.1, 0.6, 0.5)
    ours = render([Light(ONE, shape)], np.full(4, 1.2), 64)[0]
    # galsim's radius is that of the circle of equal area
    profile = galsim.Sersic(n=index, half_light_radius=1.1 * np.sqrt(0.6)).shear(q=0.6, beta=0.5 * galsim.radians)
    seen = galsim.Convolve([profile, galsim.Moffat(beta=3.0, fwhm=1.2)])
    theirs = seen.drawImage(nx=64, ny=64, scale=PIXEL).array
    assert ours.max() == pytest.approx(theirs.max(), rel=0.01)
    assert np.abs(ours - theirs).max() < 0.01 * theirs.max()
    assert ours.sum() == pytest.approx(theirs.sum(), rel=0.03)


def test_spiral_arms_keep_the_flux_and_change_the_shape():
    shape = Ellipse(1.0, 2.5, 0.9, 0.3)
    smooth = render([Light(ONE, shape)], SEEING, 64)
    wound = render([Light(ONE, shape, arms=(0.7, 2, 0.3, 1.0))], SEEING, 64)
    assert wound.sum((1, 2)) == pytest.approx(smooth.sum((1, 2)), rel=0.03)
    assert np.abs(wound - smooth).max() > 0.05 * smooth.max()
    assert np.allclose(wound[0], wound[0][::-1, ::-1], atol=0.02 * wound[0].max())  # two arms: the same upside down


def test_noise_is_blurred_and_of_unit_variance():
    noise = blurred_noise((4, 200, 200), np.random.default_rng(0))
    assert noise.std() == pytest.approx(1, abs=0.01)
    kernel = gaussian_filter1d(np.eye(1, 21, 10)[0], 0.6)
    expected = (kernel[1:] * kernel[:-1]).sum() / (kernel**2).sum()
    assert (noise[:, :, 1:] * noise[:, :, :-1]).mean() == pytest.approx(expected, abs=0.015)
    assert (noise[:, 4:] * noise[:, :-4]).mean() == pytest.approx(0, abs=0.02)


def test_inverse_variance_describes_single_pixels():
    clean = render([Light(200 * ONE)], SEEING, 32)
    pulls = []
    for seed in range(30):
        image = expose(clean, SEEING, np.random.default_rng(seed))
        kept = [camera.BANDS.index(b) for b in image.bands]
        pulls.append(((image.flux - clean[kept]) * np.sqrt(image.ivar))[image.usable])
    assert np.concatenate(pulls).std() == pytest.approx(1, abs=0.02)


def test_defects_carry_the_surveys_bits_and_no_weight():
    clean = render([Light(np.array([0, 9000.0, 0, 0]))], SEEING, 32)
    images = [expose(clean, SEEING, np.random.default_rng(seed)) for seed in range(200)]
    saturated = next(i for i in images if "DES-R" in i.bands).select(("DES-R",))
    assert saturated.mask[0, 15, 15] == 1 << 3 | 1 << 6  # SATUR_R, ALLMASK_R
    assert (saturated.mask[0] != 0).all(0).any()  # the column it bleeds along
    assert not saturated.ivar[saturated.mask != 0].any()
    missing = np.mean([4 - len(i.bands) for i in images]) / 4
    assert missing == pytest.approx(0.03, abs=0.02)
    assert any((i.ivar[:, :, 0] == 0).all() or (i.ivar[:, :, -1] == 0).all() for i in images)


def test_neighbours_keep_off_the_centre():
    many = [draw_neighbours(64, np.random.default_rng(i)) for i in range(300)]
    assert {len(lights) for lights in many} == {0, 1, 2, 3}
    assert min(np.hypot(light.x, light.y) for lights in many for light in lights) >= 12
