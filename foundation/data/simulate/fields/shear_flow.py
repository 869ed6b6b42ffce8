"""Shear flow: two opposite layers of an incompressible fluid roll up and stir a tracer, in a periodic square.

Vorticity and tracer by Fourier series, in flux form, on [0, 1]²; pressure from its Poisson equation. Velocities are
in units of the difference of the layers, so that Reynolds = 1 / viscosity and Schmidt = viscosity / diffusivity.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Complex128, Float64

from foundation.data.fields.record import PERIODIC, Field
from foundation.data.simulate.fields.march import march
from foundation.data.simulate.fields.spectral import Box, diffusing_step

Modes = Complex128[np.ndarray, "2 kx ky"]
WAVES = 4  # of the perturbation across the box
KICK = 0.05  # its largest velocities, about


@dataclass(frozen=True)
class ShearFlow:
    """One set of parameters; the state is the Fourier series of (vorticity, tracer).

    Args:
        size: points along each axis.
        frames: of a trajectory.
        reynolds: inverse viscosity.
        schmidt: viscosity over diffusivity of the tracer.
        width: of the layers' edges, in sides of the box.
        cadence: time between frames.
    """

    size: int = 64
    frames: int = 40
    reynolds: float = 2000.0
    schmidt: float = 1.0
    width: float = 0.03
    cadence: float = 0.1

    @cached_property
    def box(self) -> Box:
        """The domain."""
        return Box((self.size, self.size), (1.0, 1.0))

    def simulate(self, rng: np.random.Generator) -> Field:
        """A trajectory from random small waves on the edges of the layers."""
        states = march(self.initial(rng), self.frames, self.cadence, self.stable, self.step)
        names = ("tracer", "pressure", "velocity_x", "velocity_y")
        values = np.stack([self.observe(state) for state in states])
        return Field(
            values, names, (False,) * 4, np.full(2, 1 / self.size), (PERIODIC,) * 2,
            self.cadence * np.arange(self.frames),
            {"Reynolds": self.reynolds, "Schmidt": self.schmidt, "width": self.width}, None, "shear_flow",
        )  # fmt: skip

    def initial(self, rng: np.random.Generator) -> Modes:
        """The middle half moves along x, the rest against it; the tracer marks the middle."""
        x, y = self.box.points()
        middle = (np.tanh((y - 0.25) / self.width) - np.tanh((y - 0.75) / self.width)) / 2
        phases, sizes = rng.uniform(0, 2 * np.pi, WAVES), rng.uniform(0.2, 1, WAVES)
        waves = sum(a * np.sin(2 * np.pi * n * x + p) for n, (a, p) in enumerate(zip(sizes, phases, strict=True), 1))
        edges = np.exp(-(((y - 0.25) / self.width) ** 2)) + np.exp(-(((y - 0.75) / self.width) ** 2))
        u, v, tracer = self.box.forward(np.stack([middle - 0.5, KICK * waves * edges, middle]))
        kx, ky = self.box.wavenumbers
        return np.stack([1j * kx * v - 1j * ky * u, tracer]) * self.box.kept

    def step(self, state: Modes, time: float) -> Modes:
        """The state a time later."""
        viscosity = 1 / self.reynolds
        linear = -self.box.square * np.array([viscosity, viscosity / self.schmidt])[:, None, None]
        return diffusing_step(state, linear, self._advected, time)

    def stable(self, state: Modes) -> float:
        """The longest step from a state."""
        return self.box.stable(self.velocity(state))

    def velocity(self, state: Modes) -> Float64[np.ndarray, "2 x y"]:
        """(u, v), without divergence, from the vorticity; its mean is 0."""
        return self.box.backward(self._velocity_modes(state))

    def observe(self, state: Modes) -> Float64[np.ndarray, "4 x y"]:
        """Tracer, pressure and velocity on the grid."""
        kx, ky = self.box.wavenumbers
        u, v = self._velocity_modes(state)
        gradient = self.box.backward(np.stack([1j * kx * u, 1j * ky * u, 1j * kx * v, 1j * ky * v]))
        source = 2 * (gradient[0] * gradient[3] - gradient[1] * gradient[2])
        pressure = -self._inverse_square * self.box.forward(source) * self.box.kept
        return np.concatenate([self.box.backward(np.stack([state[1], pressure])), self.velocity(state)])

    def _advected(self, state: Modes) -> Modes:
        velocity = self.velocity(state)
        return -self.box.divergence(velocity[:, None] * self.box.backward(state))

    def _velocity_modes(self, state: Modes) -> Modes:
        stream = state[0] * self._inverse_square
        kx, ky = self.box.wavenumbers
        return np.stack([1j * ky * stream, -1j * kx * stream])

    @cached_property
    def _inverse_square(self) -> Float64[np.ndarray, "kx ky"]:
        square = self.box.square
        return np.divide(1.0, square, out=np.zeros_like(square), where=square > 0)
