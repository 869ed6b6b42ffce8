"""Euler: a compressible gas without viscosity, from random quadrants with shocks or from random smooth motion."""

from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from foundation.data.fields.record import Field, Side
from foundation.data.simulate.fields import hllc
from foundation.data.simulate.fields.march import march
from foundation.data.simulate.fields.spectral import random_field
from foundation.errors import FoundationError

PADDING: dict[Side, str] = {"periodic": "wrap", "open": "edge"}
CELLS = 4  # most quadrants along an axis


@dataclass(frozen=True)
class Euler:
    """One set of parameters, on [0, 1] along each axis; the state is density, momentum and energy.

    Args:
        size: cells along each axis.
        frames: of a trajectory.
        axes: dimensions of space.
        start: "quadrants" of constant density, velocity and pressure, or "smooth" random fields.
        boundary: of all sides, "periodic" or "open".
        gamma: ratio of specific heats.
        mach: root mean square velocity of a smooth start, in sound speeds.
        cadence: time between frames.
    """

    size: int = 64
    frames: int = 40
    axes: int = 2
    start: Literal["quadrants", "smooth"] = "quadrants"
    boundary: Side = "periodic"
    gamma: float = 1.4
    mach: float = 0.5
    cadence: float = 0.015

    def simulate(self, rng: np.random.Generator) -> Field:
        """A trajectory from a random start."""
        if self.boundary not in PADDING:
            raise FoundationError(f"Euler with boundary {self.boundary!r}, wanted {' or '.join(PADDING)}.")
        spacing, padding = 1 / self.size, (PADDING[self.boundary],) * self.axes
        stable = partial(hllc.stable, gamma=self.gamma, spacing=spacing)
        first = hllc.conserved(self._quadrants(rng) if self.start == "quadrants" else self._smooth(rng), self.gamma)

        def step(state: hllc.State, time: float) -> hllc.State:
            return hllc.step(state, self.gamma, spacing, time, padding)

        states = march(first, self.frames, self.cadence, stable, step)
        letters = "xyz"[: self.axes]
        sides: tuple[Side, Side] = (self.boundary, self.boundary)
        parameters = {"gamma": self.gamma} | ({"Mach": self.mach} if self.start == "smooth" else {})
        return Field(
            np.stack([self.observe(state) for state in states]),
            ("density", "energy", "pressure", *(f"momentum_{letter}" for letter in letters)),
            (False,) * (3 + self.axes), np.full(self.axes, spacing), (sides,) * self.axes,
            self.cadence * np.arange(self.frames), parameters, None, f"euler_{self.start}_{self.boundary}_{self.axes}d",
        )  # fmt: skip

    def observe(self, state: hllc.State) -> np.ndarray:
        """Density, energy, pressure and momentum [3 + axes, *space]."""
        pressure = hllc.primitive(state, self.gamma)[-1]
        return np.concatenate([state[[0, -1]], pressure[None], state[1:-1]])

    def _quadrants(self, rng: np.random.Generator) -> hllc.Primitive:
        """Boxes with edges in random places, after the Riemann problems of Schulz-Rinne et al. (1993)."""
        places = [np.sort(rng.uniform(0, 1, rng.integers(1, CELLS))) for _ in range(self.axes)]
        cells = np.ix_(*(np.searchsorted(edges, (np.arange(self.size) + 0.5) / self.size) for edges in places))
        counts = tuple(len(edges) + 1 for edges in places)
        density, pressure = rng.uniform(0.3, 1.5, (2, *counts))
        velocity = rng.uniform(-0.5, 0.5, (self.axes, *counts))
        return np.stack([part[cells] for part in (density, *velocity, pressure)])

    def _smooth(self, rng: np.random.Generator) -> hllc.Primitive:
        """Waves of density and velocity, one to three across the box, at equal pressure."""
        shape = (self.size,) * self.axes
        density = np.exp(0.3 * random_field(rng, shape, 1, 3))
        speed = self.mach * np.sqrt(self.gamma / self.axes)
        velocity = speed * np.stack([random_field(rng, shape, 1, 3) for _ in shape])
        return np.concatenate([density[None], velocity, np.ones((1, *shape))])
