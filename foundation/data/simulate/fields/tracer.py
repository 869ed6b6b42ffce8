"""Tracer: a scalar carried and mixed by a steady three-dimensional flow, on a periodic cube.

dc/dt + ∇·(u c) = κ ∇²c with the flow of Arnold, Beltrami and Childress, whose path lines are chaotic (Dombre et al.
1986, J. Fluid Mech. 167, 353). Fourier series; the diffusion is exact.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Complex128, Float64

from foundation.data.fields.record import PERIODIC, Field
from foundation.data.simulate.fields.march import march
from foundation.data.simulate.fields.spectral import Box, diffusing_step, random_field

Modes = Complex128[np.ndarray, "kx ky kz"]
SIDE = 2 * np.pi


@dataclass(frozen=True)
class Tracer:
    """One set of parameters; the state is the Fourier series of the tracer.

    Args:
        size: points along each axis.
        frames: of a trajectory.
        diffusivity: κ.
        flow: strengths A, B and C.
        cadence: time between frames.
    """

    size: int = 32
    frames: int = 20
    diffusivity: float = 0.01
    flow: tuple[float, float, float] = (1.0, 1.0, 1.0)
    cadence: float = 0.1

    @cached_property
    def box(self) -> Box:
        """The domain."""
        return Box((self.size,) * 3, (SIDE,) * 3)

    @cached_property
    def velocity(self) -> Float64[np.ndarray, "3 x y z"]:
        """Steady, without divergence, and parallel to its own curl."""
        x, y, z = self.box.points()
        a, b, c = self.flow
        return np.stack([a * np.sin(z) + c * np.cos(y), b * np.sin(x) + a * np.cos(z), c * np.sin(y) + b * np.cos(x)])

    def simulate(self, rng: np.random.Generator) -> Field:
        """A trajectory from a random tracer of one to three waves across the box."""
        states = march(self.initial(rng), self.frames, self.cadence, self.stable, self.step)
        tracer = np.stack([self.box.backward(state) for state in states])
        still = np.broadcast_to(self.velocity, (self.frames, *self.velocity.shape))
        parameters = dict(zip(("A", "B", "C"), self.flow, strict=True))
        return Field(
            np.concatenate([tracer[:, None], still], 1), ("tracer", "velocity_x", "velocity_y", "velocity_z"),
            (False, True, True, True), np.full(3, SIDE / self.size), (PERIODIC,) * 3,
            self.cadence * np.arange(self.frames), {"diffusivity": self.diffusivity} | parameters, None, "tracer_3d",
        )  # fmt: skip

    def initial(self, rng: np.random.Generator) -> Modes:
        """The series of the random tracer."""
        return self.box.forward(random_field(rng, self.box.shape, 1, 3))

    def stable(self, state: Modes) -> float:
        """The longest step, which the steady flow sets."""
        return self.box.stable(self.velocity)

    def step(self, state: Modes, time: float) -> Modes:
        """The state a time later."""
        return diffusing_step(state, -self.diffusivity * self.box.square, self._advected, time)

    def _advected(self, state: Modes) -> Modes:
        return -self.box.divergence(self.velocity * self.box.backward(state))
