"""Rayleigh-Taylor: heavy fluid above light fluid falls through it in fingers that merge into a mixing layer."""

from dataclasses import dataclass

import numpy as np

from foundation.data.fields.record import Field
from foundation.data.simulate.fields.boussinesq import Boussinesq, Slab

MODES = range(4, 17)  # of the interface, in waves across the box
WIDTH = 0.02  # of the interface at least, in heights
POINTS = 1.5  # of the interface at least, in points of the grid


@dataclass(frozen=True)
class RayleighTaylor:
    """One set of parameters.

    Args:
        size: points along each axis.
        frames: of a trajectory.
        rayleigh: buoyancy against viscosity and diffusion.
        amplitude: root mean square height of the interface's first waves.
        prandtl: viscosity over diffusivity.
        cadence: free-fall times between frames.
    """

    size: int = 64
    frames: int = 40
    rayleigh: float = 1e6
    amplitude: float = 0.01
    prandtl: float = 1.0
    cadence: float = 0.15

    def simulate(self, rng: np.random.Generator) -> Field:
        """A trajectory from a random interface at half height."""
        slab = Slab((self.size, self.size), 1.0)
        x, y = slab.points()
        modes = [n for n in MODES if n <= self.size // 4]
        waves = [rng.normal() * np.cos(2 * np.pi * n * x + rng.uniform(0, 2 * np.pi)) for n in modes]
        height = np.sum(waves, 0)
        height *= self.amplitude / height.std()
        width = max(WIDTH, POINTS / self.size)
        buoyancy = (1 - np.tanh((y - 0.5 - height) / width)) / 2
        fluid = Boussinesq(slab, self.rayleigh, self.prandtl)
        start = fluid.at_rest(buoyancy - (1 - y))
        return fluid.trajectory(start, self.frames, self.cadence, "rayleigh_taylor", amplitude=self.amplitude)
