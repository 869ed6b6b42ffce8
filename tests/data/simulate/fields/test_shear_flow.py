"""Shear flow: exact decay, conserved quantities, order in time."""

import numpy as np
import pytest

from foundation.data.simulate.fields.march import march
from foundation.data.simulate.fields.shear_flow import ShearFlow

INVISCID = 1e30


def run(flow, state, time, steps):
    for _ in range(steps):
        state = flow.step(state, time / steps)
    return state


def taylor_green(flow):
    x, y = (2 * np.pi * axis for axis in flow.box.points())
    vorticity = 4 * np.pi * np.cos(x) * np.cos(y)
    return flow.box.forward(np.stack([vorticity, np.cos(x + y)]))


def test_taylor_green_decays_as_it_must():
    flow = ShearFlow(size=32, reynolds=100)
    start = taylor_green(flow)
    after = run(flow, start, 0.5, 10)
    decay = np.exp(-8 * np.pi**2 / 100 * 0.5)
    np.testing.assert_allclose(flow.box.backward(after[0]), decay * flow.box.backward(start[0]), atol=1e-12)


def test_pressure_of_taylor_green():
    flow = ShearFlow(size=32)
    x, y = (2 * np.pi * axis for axis in flow.box.points())
    _, pressure, u, v = flow.observe(taylor_green(flow))
    np.testing.assert_allclose(u, -np.cos(x) * np.sin(y), atol=1e-12)
    np.testing.assert_allclose(v, np.sin(x) * np.cos(y), atol=1e-12)
    np.testing.assert_allclose(pressure, -(np.cos(2 * x) + np.cos(2 * y)) / 4, atol=1e-12)


def test_without_viscosity_energy_and_enstrophy_stay():
    flow = ShearFlow(size=48, reynolds=INVISCID, width=0.1)
    start = flow.initial(np.random.default_rng(0))
    after = run(flow, start, 0.5, 60)
    for quantity in (lambda s: (flow.velocity(s) ** 2).mean(), lambda s: (flow.box.backward(s) ** 2).mean()):
        assert quantity(after) == pytest.approx(quantity(start), rel=1e-6)


def test_order_in_time():
    flow = ShearFlow(size=32, reynolds=200, width=0.1)
    start = flow.initial(np.random.default_rng(0))
    a, b, c = (flow.box.backward(run(flow, start, 1.0, n)) for n in (10, 20, 40))
    assert np.log2(np.abs(a - b).max() / np.abs(b - c).max()) > 3.6


def test_divergence_and_tracer_mass():
    flow = ShearFlow(size=32, frames=4)
    states = list(march(flow.initial(np.random.default_rng(0)), 4, 0.1, flow.stable, flow.step))
    velocity = flow.box.forward(flow.velocity(states[-1]))
    divergence = sum(1j * k * v for k, v in zip(flow.box.wavenumbers, velocity, strict=True))
    assert np.abs(flow.box.backward(divergence)).max() < 1e-10
    assert abs(states[-1][1, 0, 0] - states[0][1, 0, 0]) / 32**2 < 1e-13


def test_kinetic_energy_only_falls():
    values = ShearFlow(size=32, frames=10).simulate(np.random.default_rng(1)).values
    assert (np.diff((values[:, 2:] ** 2).sum((1, 2, 3))) < 0).all()
