"""Fourier series against closed forms, in two and three dimensions and on odd grids."""

import numpy as np
import pytest

from foundation.data.simulate.fields.spectral import Box, diffusing_step, random_field


@pytest.mark.parametrize("box", [Box((12, 15), (1.0, 3.0)), Box((8, 9, 10), (2.0, 1.0, 4.0))])
def test_divergence_of_waves(box):
    points, waves = box.points(), [2 * np.pi / length for length in box.lengths]
    flux = np.stack([np.sin(k * x) for k, x in zip(waves, points, strict=True)])
    expected = sum(k * np.cos(k * x) for k, x in zip(waves, points, strict=True))
    np.testing.assert_allclose(box.backward(box.divergence(flux)), expected, atol=1e-12)


def test_kept_modes_alias_onto_none():
    box = Box((24,), (2 * np.pi,))
    x = box.points()[0]
    top = int(box.wavenumbers[0][box.kept].max())
    product = box.forward(np.cos(top * x) ** 2) / 24
    assert 3 * top < 24 + top  # 2 top folds back to 24 - 2 top, which is not kept
    assert not box.kept[24 - 2 * top]
    assert abs(product[0] - 0.5) < 1e-14


def test_diffusion_alone_is_exact():
    box = Box((16, 16), (2 * np.pi, 2 * np.pi))
    x, y = box.points()
    start = np.cos(3 * x) * np.sin(2 * y)
    after = diffusing_step(box.forward(start), -0.1 * box.square, np.zeros_like, 0.7)
    np.testing.assert_allclose(box.backward(after), start * np.exp(-0.1 * 13 * 0.7), atol=1e-14)


def test_rest_is_of_order_four():
    def error(steps):
        state = np.ones(1)
        for _ in range(steps):
            state = diffusing_step(state, np.array([-1.0]), lambda s: s**2 / 2, 1 / steps)
        return abs(state[0] - 1 / (0.5 + 0.5 * np.e))

    assert np.log2(error(8) / error(16)) > 3.8


def test_random_field_has_its_waves_and_unit_variance():
    values = random_field(np.random.default_rng(0), (32, 16), 2, 4)
    power = np.abs(np.fft.fft2(values)) ** 2
    waves = np.hypot(np.fft.fftfreq(32, 1 / 32)[:, None], np.fft.fftfreq(16, 1 / 16))
    assert values.std() == pytest.approx(1)
    assert power[(waves < 2) | (waves > 4)].sum() < 1e-20 * power.sum()


def test_highest_mode_of_an_even_grid_diffuses_but_has_no_slope():
    box = Box((8, 8), (2 * np.pi, 2 * np.pi))
    modes = box.forward(np.cos(4 * box.points()[0]))
    assert not (box.wavenumbers[0] * modes).any()
    np.testing.assert_allclose(box.square * modes, 16 * modes)
    assert not box.kept[4, 0]
