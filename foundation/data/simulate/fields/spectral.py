"""Fourier series on a periodic box: derivatives without error, products without aliasing, diffusion solved exactly."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Complex128, Float64
from scipy import fft

Grid = Float64[np.ndarray, "*batch_and_space"]
Modes = Complex128[np.ndarray, "*batch_and_modes"]
KEPT = 2 / 3  # of the wavenumbers of an axis; a product of two kept modes then aliases onto none (Orszag 1971)
CFL = 1.0  # of a step, in units of 1 / (velocity x largest kept wavenumber); Runge-Kutta 4 is stable up to 2.8


@dataclass(frozen=True)
class Box:
    """A periodic box; fields may have batch axes before those of space.

    Args:
        shape: points along each axis.
        lengths: of the sides.
    """

    shape: tuple[int, ...]
    lengths: tuple[float, ...]

    @cached_property
    def wavenumbers(self) -> tuple[Float64[np.ndarray, "..."], ...]:
        """Along each axis, shaped to broadcast; the highest of an even grid, which has no derivative, is 0."""
        highest = [np.pi * n / length for n, length in zip(self.shape, self.lengths, strict=True)]
        return tuple(np.where(np.isclose(np.abs(k), h), 0, k) for k, h in zip(self._all, highest, strict=True))

    @cached_property
    def square(self) -> Float64[np.ndarray, "*modes"]:
        """k²: minus the Laplacian; the mean has 0."""
        return np.asarray(sum(k**2 for k in self._all))

    @cached_property
    def kept(self) -> Bool[np.ndarray, "*modes"]:
        """The modes that stay after a product."""
        limits = [KEPT * np.pi * n / length for n, length in zip(self.shape, self.lengths, strict=True)]
        inside = [np.abs(k) < limit for k, limit in zip(self._all, limits, strict=True)]
        return np.logical_and.reduce(np.broadcast_arrays(*inside))

    def forward(self, values: Grid) -> Modes:
        """Fourier coefficients, not normalised."""
        return np.asarray(fft.rfftn(values, axes=self._axes))

    def backward(self, modes: Modes) -> Grid:
        """Values on the grid."""
        return np.asarray(fft.irfftn(modes, self.shape, axes=self._axes))

    def points(self) -> tuple[Grid, ...]:
        """Coordinates of the grid, one array of its shape per axis."""
        axes = [np.arange(n) * length / n for n, length in zip(self.shape, self.lengths, strict=True)]
        return np.meshgrid(*axes, indexing="ij")

    def divergence(self, flux: Float64[np.ndarray, "axis *batch_and_space"]) -> Modes:
        """Of a flux of products on the grid, without its aliased modes."""
        parts = (1j * k * self.forward(part) for k, part in zip(self.wavenumbers, flux, strict=True))
        return sum(parts, np.complex128(0)) * self.kept

    def stable(self, velocity: Float64[np.ndarray, "axis *space"]) -> float:
        """The longest step for advection by a velocity."""
        rates = [np.abs(v).max() * n / length for v, n, length in zip(velocity, self.shape, self.lengths, strict=True)]
        return CFL / (KEPT * np.pi * max(sum(rates), 1e-9))

    @cached_property
    def _all(self) -> tuple[Float64[np.ndarray, "..."], ...]:
        found = []
        for axis, (n, length) in enumerate(zip(self.shape, self.lengths, strict=True)):
            last = axis == len(self.shape) - 1
            k = 2 * np.pi / length * (np.arange(n // 2 + 1) if last else np.fft.fftfreq(n, 1 / n))
            found.append(k.reshape(tuple(-1 if a == axis else 1 for a in range(len(self.shape)))))
        return tuple(found)

    @property
    def _axes(self) -> tuple[int, ...]:
        return tuple(range(-len(self.shape), 0))


def diffusing_step(
    modes: np.ndarray, linear: Float64[np.ndarray, "..."], rest: Callable[[np.ndarray], np.ndarray], time: float
) -> np.ndarray:
    """One step of d modes / dt = linear modes + rest(modes): `linear` exactly, `rest` by Runge-Kutta 4.

    This is the integrating-factor method (Canuto et al. 2006, appendix D); error of order 4 in `time`.
    """
    half = np.exp(linear * time / 2)
    whole = half**2
    a = rest(modes)
    b = rest(half * (modes + time / 2 * a))
    c = rest(half * modes + time / 2 * b)
    d = rest(whole * modes + time * half * c)
    return whole * modes + time / 6 * (whole * a + 2 * half * (b + c) + d)


def random_field(
    rng: np.random.Generator, shape: tuple[int, ...], least: float, most: float
) -> Float64[np.ndarray, "*space"]:
    """A periodic Gaussian field of unit variance with `least` to `most` waves across the box."""
    waves = Box(shape, (2 * np.pi,) * len(shape))
    inside = (waves.square >= least**2) & (waves.square <= most**2)
    values = waves.backward(waves.forward(rng.normal(size=shape)) * inside)
    return values / values.std()
