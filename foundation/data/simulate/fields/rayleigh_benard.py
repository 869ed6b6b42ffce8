"""Rayleigh-Bénard: a layer heated from below turns over in plumes and rolls."""

from dataclasses import dataclass

import numpy as np

from foundation.data.fields.record import Field
from foundation.data.simulate.fields.boussinesq import Boussinesq, Slab
from foundation.data.simulate.fields.spectral import random_field

LENGTH = 2.0  # of the layer, in its heights
AMPLITUDE = 0.2  # of the first departure from conduction; large, so that a short trajectory reaches convection


@dataclass(frozen=True)
class RayleighBenard:
    """One set of parameters.

    Args:
        size: points along the layer; half as many across it.
        frames: of a trajectory.
        rayleigh: buoyancy against viscosity and diffusion.
        prandtl: viscosity over diffusivity.
        cadence: free-fall times between frames.
    """

    size: int = 64
    frames: int = 40
    rayleigh: float = 1e6
    prandtl: float = 1.0
    cadence: float = 0.1

    def simulate(self, rng: np.random.Generator) -> Field:
        """A trajectory from conduction with random departures."""
        slab = Slab((self.size, self.size // 2), LENGTH)
        noise = random_field(rng, slab.shape, 1, 6) * np.sin(np.pi * slab.points()[1])
        fluid = Boussinesq(slab, self.rayleigh, self.prandtl)
        return fluid.trajectory(fluid.at_rest(AMPLITUDE * noise), self.frames, self.cadence, "rayleigh_benard")
