"""Boussinesq: a fluid driven by its buoyancy between two walls that hold it at fixed buoyancy and let it slip.

du/dt + u·∇u = -∇p + ν ∇²u + b ŷ,  db/dt + u·∇b = κ ∇²b,  b = 1 at y = 0 and 0 at y = 1: unstable. In units of height
and free fall, ν = √(Pr / Ra) and κ = 1 / √(Pr Ra). Fourier series along x, sines along y for the vorticity and for the
departure of b from 1 - y, both of which vanish at free-slip walls.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Complex128, Float64
from scipy import fft

from foundation.data.fields.record import PERIODIC, WALLS, Field
from foundation.data.simulate.fields.march import march
from foundation.data.simulate.fields.spectral import CFL, KEPT, diffusing_step

Modes = Complex128[np.ndarray, "*batch kx ky"]
Grid = Float64[np.ndarray, "*batch x y"]
LONGEST = 0.02  # step, in free-fall times, of a fluid that is still almost at rest
BOUNDARY = (PERIODIC, WALLS)


@dataclass(frozen=True)
class Slab:
    """A layer [0, length] x [0, 1], periodic along x, in sines or cosines along y; points are centred in their cells.

    The coefficient of sin(π m y) stands at m - 1, that of cos(π m y) at m.
    """

    shape: tuple[int, int]
    length: float

    @cached_property
    def kx(self) -> Float64[np.ndarray, "kx 1"]:
        """Wavenumbers along x; the highest is never kept."""
        return 2 * np.pi / self.length * np.arange(self.shape[0] // 2 + 1)[:, None]

    @cached_property
    def ky(self) -> Float64[np.ndarray, " ky"]:
        """Wavenumbers of the sines."""
        return np.pi * np.arange(1, self.shape[1] + 1)

    @cached_property
    def square(self) -> Float64[np.ndarray, "kx ky"]:
        """k² of the sines."""
        return self.kx**2 + self.ky**2

    @cached_property
    def kept(self) -> Bool[np.ndarray, "kx ky"]:
        """The sines that stay after a product."""
        return (self.kx * self.length < KEPT * np.pi * self.shape[0]) & (self.ky < KEPT * np.pi * self.shape[1])

    def points(self) -> tuple[Float64[np.ndarray, "x y"], ...]:
        """Coordinates of the grid."""
        x, y = (np.arange(n) / n for n in self.shape)
        return np.meshgrid(x * self.length, y + 0.5 / self.shape[1], indexing="ij")

    def sines(self, values: Grid) -> Modes:
        """Coefficients of what vanishes at the walls."""
        return np.asarray(fft.rfft(fft.dst(values, axis=-1), axis=-2))

    def from_sines(self, modes: Modes) -> Grid:
        """Values on the grid."""
        return np.asarray(fft.idst(fft.irfft(modes, self.shape[0], axis=-2), axis=-1))

    def from_slopes(self, modes: Modes) -> Grid:
        """Values on the grid of the derivative along y."""
        cosines = np.zeros_like(modes)
        cosines[..., 1:] = (self.ky * modes)[..., :-1]
        return np.asarray(fft.idct(fft.irfft(cosines, self.shape[0], axis=-2), axis=-1))

    def slope_of_cosines(self, values: Grid) -> Modes:
        """Sine coefficients of the derivative along y of what has none at the walls."""
        cosines = np.asarray(fft.rfft(fft.dct(values, axis=-1), axis=-2))
        sines = np.zeros_like(cosines)
        sines[..., :-1] = -self.ky[:-1] * cosines[..., 1:]
        return sines


@dataclass(frozen=True)
class Boussinesq:
    """The equations on a slab; the state is the sine series of (vorticity, departure of buoyancy from 1 - y)."""

    slab: Slab
    rayleigh: float
    prandtl: float

    @property
    def viscosity(self) -> float:
        """ν, in units of height and free fall."""
        return (self.prandtl / self.rayleigh) ** 0.5

    @property
    def diffusivity(self) -> float:
        """κ, in the same units."""
        return (self.prandtl * self.rayleigh) ** -0.5

    def trajectory(self, state: Modes, frames: int, cadence: float, dataset: str, **parameters: float) -> Field:
        """Frames of buoyancy and velocity."""
        nx, ny = self.slab.shape
        states = march(state, frames, cadence, self.stable, self.step)
        return Field(
            np.stack([self.observe(state) for state in states]), ("buoyancy", "velocity_x", "velocity_y"),
            (False,) * 3, np.array([self.slab.length / nx, 1 / ny]), BOUNDARY, cadence * np.arange(frames),
            {"Rayleigh": self.rayleigh, "Prandtl": self.prandtl} | parameters, None, dataset,
        )  # fmt: skip

    def at_rest(self, departure: Float64[np.ndarray, "x y"]) -> Modes:
        """The state of a fluid at rest with a departure of buoyancy from 1 - y."""
        sines = self.slab.sines(departure) * self.slab.kept
        return np.stack([np.zeros_like(sines), sines])

    def step(self, state: Modes, time: float) -> Modes:
        """The state a time later."""
        linear = -self.slab.square * np.array([self.viscosity, self.diffusivity])[:, None, None]
        return diffusing_step(state, linear, self._driven, time)

    def stable(self, state: Modes) -> float:
        """The longest step from a state."""
        (u, v), (nx, ny) = self.velocity(state), self.slab.shape
        rate = np.abs(u).max() * nx / self.slab.length + np.abs(v).max() * ny
        return min(LONGEST, CFL / (KEPT * np.pi * max(rate, 1e-9)))

    def velocity(self, state: Modes) -> Float64[np.ndarray, "2 x y"]:
        """(u, v), without divergence and with v = 0 at the walls."""
        stream = state[0] / self.slab.square
        return np.stack([self.slab.from_slopes(stream), self.slab.from_sines(-1j * self.slab.kx * stream)])

    def observe(self, state: Modes) -> Float64[np.ndarray, "3 x y"]:
        """Buoyancy and velocity on the grid."""
        buoyancy = 1 - self.slab.points()[1] + self.slab.from_sines(state[1])
        return np.concatenate([buoyancy[None], self.velocity(state)])

    def _driven(self, state: Modes) -> Modes:
        """Advection in flux form, the torque of buoyancy, and the rise of fluid through the mean slope -1 of b."""
        slab, kx = self.slab, 1j * self.slab.kx
        u, v = self.velocity(state)
        values = slab.from_sines(state)
        rate = -(kx * slab.sines(u * values) + slab.slope_of_cosines(v * values)) * slab.kept
        rate[0] += kx * state[1]
        rate[1] += -kx * state[0] / slab.square
        return rate
