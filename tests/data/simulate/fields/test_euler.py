"""Euler: conservation, order, the shock tube, dimensions, open sides."""

import numpy as np
import pytest

from foundation.data.simulate.fields import hllc
from foundation.data.simulate.fields.euler import Euler
from foundation.data.simulate.fields.march import march
from foundation.errors import FoundationError

GAMMA = 1.4


def run(state, time, spacing, padding):
    def step(state, time):
        return hllc.step(state, GAMMA, spacing, time, padding)

    return list(march(state, 2, time, lambda s: hllc.stable(s, GAMMA, spacing), step))[-1]


@pytest.mark.parametrize(("axes", "start"), [(1, "smooth"), (2, "quadrants"), (3, "smooth")])
def test_what_is_conserved_stays(axes, start):
    values = Euler(size=16, frames=6, axes=axes, start=start).simulate(np.random.default_rng(0)).values.astype("f8")
    total = values.sum(tuple(range(2, 2 + axes)))
    scale = np.abs(values).sum(tuple(range(2, 2 + axes)))
    for channel in (0, 1, *range(3, 3 + axes)):
        assert np.abs(total[-1] - total[0])[channel] < 1e-6 * scale[0, channel]  # the rounding of float32


def test_conserved_to_rounding_in_double_precision():
    gas = Euler(size=16, start="smooth")
    first = hllc.conserved(gas._smooth(np.random.default_rng(0)), GAMMA)
    last = run(first, 0.1, 1 / 16, ("wrap", "wrap"))
    assert np.abs(last - first).max() > 0.01
    assert np.abs((last - first).mean((1, 2))).max() < 1e-13


def density_wave_error(size):
    """Mean error of a wave of density carried obliquely once through half the box."""
    x, y = np.meshgrid(*(np.arange(n) / size for n in (size, size)), indexing="ij")

    def wave(time):
        return 1 + 0.2 * np.sin(2 * np.pi * (x + y - 2 * time))

    flat = np.ones((size, size))
    last = run(hllc.conserved(np.stack([wave(0), flat, flat, flat]), GAMMA), 0.25, 1 / size, ("wrap", "wrap"))
    return np.abs(last[0] - wave(0.25)).mean()


def test_order_in_space_of_a_density_wave():
    errors = [density_wave_error(size) for size in (16, 32, 64)]
    assert np.log2(errors[1] / errors[2]) > 1.8


def sod(cells=200):
    left, right = np.array([1, 0, 0, 1.0]), np.array([0.125, 0, 0, 0.1])
    x = (np.arange(cells) + 0.5) / cells
    values = np.where(x[:, None] < 0.5, left[:, None, None], right[:, None, None]) * np.ones((4, cells, 4))
    return x, hllc.primitive(run(hllc.conserved(values, GAMMA), 0.2, 1 / cells, ("edge", "wrap")), GAMMA)[..., 0]


def test_star_state_of_the_shock_tube():
    x, values = sod()
    star = (x > 0.55) & (x < 0.65)  # between the fan and the contact (Toro 2009, table 4.3)
    assert values[-1, star].mean() == pytest.approx(0.30313, rel=3e-3)
    assert values[1, star].mean() == pytest.approx(0.92745, rel=5e-3)
    assert values[0, (x > 0.72) & (x < 0.82)].mean() == pytest.approx(0.26557, rel=5e-3)


def test_contact_at_rest_stays_sharp():
    values = np.ones((4, 32, 4))
    values[0, 16:], values[1:3] = 0.1, 0
    state = hllc.conserved(values, GAMMA)
    np.testing.assert_allclose(run(state, 0.1, 1 / 32, ("edge", "wrap")), state, atol=1e-13)


def test_extruded_flow_is_the_flat_one():
    flat = Euler(size=16)._quadrants(np.random.default_rng(0))
    zero = np.zeros((1, 16, 16))
    solid = np.broadcast_to(np.concatenate([flat[:3], zero, flat[3:]])[..., None], (5, 16, 16, 16))
    a = hllc.step(hllc.conserved(flat, GAMMA), GAMMA, 1 / 16, 0.005, ("wrap",) * 2)
    b = hllc.step(hllc.conserved(solid, GAMMA), GAMMA, 1 / 16, 0.005, ("wrap",) * 3)[..., 7]
    np.testing.assert_allclose(b[[0, 1, 2, 4]], a, atol=1e-14)


def test_turned_flow_turns():
    values = Euler(size=16)._quadrants(np.random.default_rng(0))
    turned = values[[0, 2, 1, 3]].swapaxes(1, 2)
    a, b = (hllc.step(hllc.conserved(v, GAMMA), GAMMA, 1 / 16, 0.005, ("edge",) * 2) for v in (values, turned))
    np.testing.assert_allclose(b, a[[0, 2, 1, 3]].swapaxes(1, 2), atol=1e-14)


def test_gas_leaves_through_open_sides():
    values = np.ones((4, 16, 16))
    x, y = np.meshgrid(*(np.linspace(-1, 1, 16),) * 2, indexing="ij")
    values[1:3] = np.stack([x, y])
    first = hllc.conserved(values, GAMMA)
    last = run(first, 0.2, 1 / 16, ("edge", "edge"))
    assert last[0].sum() < 0.95 * first[0].sum()


def test_walls_are_not_offered():
    with pytest.raises(FoundationError, match="boundary 'wall', wanted periodic or open"):
        Euler(boundary="wall").simulate(np.random.default_rng(0))
