"""Gray-Scott: exact diffusion, order in time, dimensions, bounds."""

import numpy as np
import pytest

from foundation.data.simulate.fields.gray_scott import DIFFUSIVITY, SPACING, GrayScott


def test_diffusion_alone_is_exact():
    system = GrayScott(size=16, feed=0, kill=0)
    x, _ = system.box.points()
    k = 2 * np.pi / (16 * SPACING)
    start = np.stack([0.5 + np.cos(k * x) / 4, np.zeros_like(x)])
    after = system.step(start, 30.0)
    np.testing.assert_allclose(after[0], 0.5 + np.cos(k * x) / 4 * np.exp(-DIFFUSIVITY[0] * k**2 * 30), atol=1e-13)


def test_order_in_time():
    system = GrayScott(size=32)
    start = system.initial(np.random.default_rng(0))

    def after(steps):
        state = start
        for _ in range(steps):
            state = system.step(state, 16 / steps)
        return state

    a, b, c = map(after, (8, 16, 32))
    assert 1.8 < np.log2(np.abs(a - b).max() / np.abs(b - c).max()) < 2.3


def test_extruded_flat_system_stays_flat():
    flat, solid = GrayScott(size=16), GrayScott(size=16, axes=3)
    start = flat.initial(np.random.default_rng(0))
    thick = np.broadcast_to(start[..., None], (2, 16, 16, 16))
    np.testing.assert_allclose(solid.step(thick, 1.0)[..., 5], flat.step(start, 1.0), atol=1e-13)


@pytest.mark.parametrize("seed", [0, 1])
def test_concentrations_stay_between_0_and_1(seed):
    values = GrayScott(size=32, frames=5).simulate(np.random.default_rng(seed)).values
    assert values.min() > -1e-3
    assert values.max() < 1 + 1e-3
