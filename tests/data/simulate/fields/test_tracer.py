"""Tracer in three dimensions: the heat kernel, conserved mean and variance, order in time."""

import numpy as np
import pytest

from foundation.data.simulate.fields.tracer import Tracer


def run(system, state, time, steps):
    for _ in range(steps):
        state = system.step(state, time / steps)
    return state


def test_heat_kernel():
    system = Tracer(size=32, diffusivity=0.1, flow=(0.0, 0.0, 0.0))

    def kernel(variance):
        return np.exp(-sum((axis - np.pi) ** 2 for axis in system.box.points()) / (2 * variance)) / variance**1.5

    after = run(system, system.box.forward(kernel(0.2)), 0.5, 1)
    np.testing.assert_allclose(system.box.backward(after), kernel(0.3), atol=1e-4)


def test_flow_has_no_divergence_and_is_its_own_curl():
    system = Tracer(size=16, flow=(1.0, 0.7, 0.4))
    modes = system.box.forward(system.velocity)
    dx, dy, dz = (1j * k for k in system.box.wavenumbers)
    assert np.abs(dx * modes[0] + dy * modes[1] + dz * modes[2]).max() < 1e-9
    np.testing.assert_allclose(dy * modes[2] - dz * modes[1], modes[0], atol=1e-9)


def test_mean_and_without_diffusion_variance_stay():
    system = Tracer(size=24, diffusivity=0.0)
    start = system.initial(np.random.default_rng(0)) * system.box.kept
    after = run(system, start, 0.2, 20)
    assert abs(after[0, 0, 0] - start[0, 0, 0]) / 24**3 < 1e-14
    a, b = ((system.box.backward(s) ** 2).mean() for s in (start, after))
    assert b == pytest.approx(a, rel=1e-6)


def test_order_in_time():
    system = Tracer(size=16, diffusivity=0.05)
    start = system.initial(np.random.default_rng(0))
    a, b, c = (system.box.backward(run(system, start, 0.6, n)) for n in (4, 8, 16))
    assert np.log2(np.abs(a - b).max() / np.abs(b - c).max()) > 3.6


def test_velocity_is_constant_and_variance_falls():
    field = Tracer(size=16, frames=4).simulate(np.random.default_rng(0))
    assert field.constant == (False, True, True, True)
    assert (np.diff(field.channel("tracer").var((1, 2, 3))) < 0).all()
