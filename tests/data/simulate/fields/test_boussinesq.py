"""Convection: linear growth at, below and above onset, walls, and the budgets of energy and buoyancy."""

import numpy as np
import pytest

from foundation.data.simulate.fields.boussinesq import Boussinesq, Slab
from foundation.data.simulate.fields.rayleigh_benard import RayleighBenard
from foundation.data.simulate.fields.rayleigh_taylor import RayleighTaylor

WAVE = np.pi / np.sqrt(2)  # the first to grow (Rayleigh 1916)


@pytest.mark.parametrize("rayleigh", [500.0, 27 * np.pi**4 / 4, 1e4])
def test_linear_growth(rayleigh):
    fluid = Boussinesq(Slab((16, 16), 2 * np.pi / WAVE), rayleigh, 1.0)
    square = WAVE**2 + np.pi**2
    rate = WAVE / np.sqrt(square) - square / np.sqrt(rayleigh)
    x, y = fluid.slab.points()
    buoyancy = fluid.slab.sines(1e-6 * np.cos(WAVE * x) * np.sin(np.pi * y))
    vorticity = 1j * fluid.slab.kx * buoyancy / (WAVE / np.sqrt(square))  # the growing eigenvector at Pr = 1
    start = state = np.stack([vorticity, buoyancy])
    for _ in range(100):
        state = fluid.step(state, 0.02)
    growth = np.abs(state[1]).max() / np.abs(start[1]).max()
    assert growth == pytest.approx(np.exp(2 * rate), rel=1e-6)


def developed():
    fluid = Boussinesq(Slab((48, 24), 2.0), 3e4, 0.7)
    x, y = fluid.slab.points()
    state = fluid.at_rest(0.3 * np.sin(np.pi * y) * (np.cos(np.pi * x) + np.sin(2 * np.pi * x + 1)))
    for _ in range(150):
        state = fluid.step(state, 0.02)
    return fluid, state


def test_budgets_of_energy_and_buoyancy():
    fluid, state = developed()
    slab, step = fluid.slab, 1e-3
    before, after = state, fluid.step(fluid.step(state, step), step)
    middle = fluid.step(state, step)

    def rate(quantity):
        return (quantity(after) - quantity(before)) / (2 * step)

    (_, v), (vorticity, departure) = fluid.velocity(middle), slab.from_sines(middle)
    slope = slab.from_slopes(middle[1])
    across = slab.from_sines(1j * slab.kx * middle[1])
    kinetic = (v * departure).mean() - fluid.viscosity * (vorticity**2).mean()
    variance = 2 * (v * departure).mean() - 2 * fluid.diffusivity * (slope**2 + across**2).mean()
    assert np.abs(v).max() > 0.1
    assert rate(lambda s: (fluid.velocity(s) ** 2).sum(0).mean() / 2) == pytest.approx(kinetic, rel=1e-4)
    assert rate(lambda s: (slab.from_sines(s[1]) ** 2).mean()) == pytest.approx(variance, rel=1e-4)


def test_no_divergence_and_none_through_the_walls():
    fluid, state = developed()
    slab = fluid.slab
    stream = state[0] / slab.square
    m = np.arange(1, slab.shape[1] + 1)
    rise = -1j * slab.kx * stream
    for wall in (0.0, 1.0):
        assert np.abs((rise * np.sin(np.pi * m * wall)).sum(-1)).max() < 1e-10
    # du/dx from the cosines of u, dv/dy from the sines of v
    along = slab.from_slopes(1j * slab.kx * stream)
    np.testing.assert_allclose(along + slab.from_slopes(rise), 0, atol=1e-12)


def test_order_in_time():
    fluid, start = developed()

    def after(steps):
        state = start
        for _ in range(steps):
            state = fluid.step(state, 0.4 / steps)
        return fluid.observe(state)

    a, b, c = map(after, (10, 20, 40))
    assert np.log2(np.abs(a - b).max() / np.abs(b - c).max()) > 3.6


@pytest.mark.parametrize("kind", [RayleighBenard, RayleighTaylor])
def test_buoyancy_moves_fluid_and_stays_in_bounds(kind):
    field = kind(size=32, frames=12, rayleigh=1e5).simulate(np.random.default_rng(0))
    energy = (field.values[:, 1:] ** 2).mean((1, 2, 3))
    assert field.boundary == (("periodic", "periodic"), ("wall", "wall"))
    assert energy[0] < energy[-1]
    assert np.abs(field.channel("buoyancy") - 0.5).max() < 1.1


def test_mixing_layer_grows():
    buoyancy = RayleighTaylor(size=32, frames=30, amplitude=0.02).simulate(np.random.default_rng(0)).channel("buoyancy")
    profile = buoyancy.mean(1)
    height = 6 * (profile * (1 - profile)).mean(1)
    assert height[-1] > 2 * height[0]
