"""The table of simulated data sets: which simulator with which parameters. To add one, add its line."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from foundation.data.fields.record import Field
from foundation.data.simulate.fields.euler import Euler
from foundation.data.simulate.fields.gray_scott import GrayScott
from foundation.data.simulate.fields.rayleigh_benard import RayleighBenard
from foundation.data.simulate.fields.rayleigh_taylor import RayleighTaylor
from foundation.data.simulate.fields.shear_flow import ShearFlow
from foundation.data.simulate.fields.tracer import Tracer


@runtime_checkable
class Simulator(Protocol):
    """One set of parameters of one simulator."""

    def simulate(self, rng: np.random.Generator) -> Field:
        """A trajectory from a random start."""
        ...


@dataclass(frozen=True)
class FieldSet:
    """A data set.

    Args:
        dimensions: of space.
        simulator: called with size, frames, `fixed` and one of `sweep`.
        sweep: the sets of parameters; each becomes a file of every split.
        ranges: of parameters that may be drawn instead for each trajectory, least and most.
        fixed: further arguments.
    """

    dimensions: int
    simulator: Callable[..., Simulator]
    sweep: tuple[Mapping[str, float | tuple[float, ...]], ...]
    ranges: Mapping[str, tuple[float, float]]
    fixed: Mapping[str, Any]

    def simulators(self, size: int, frames: int) -> list[Simulator]:
        """One simulator for each set of parameters."""
        return [self.simulator(size=size, frames=frames, **self.fixed, **parameters) for parameters in self.sweep]

    def drawn(self, size: int, frames: int, rng: np.random.Generator) -> Simulator:
        """A simulator whose parameters are drawn from their ranges, evenly in the logarithm."""
        parameters = {name: float(np.exp(rng.uniform(*np.log(ends)))) for name, ends in self.ranges.items()}
        return self.simulator(size=size, frames=frames, **self.fixed, **parameters)


def _of(
    dimensions: int,
    simulator: Callable[..., Simulator],
    *sweep: Mapping[str, Any],
    ranges: Mapping[str, tuple[float, float]],
    **fixed: object,
) -> FieldSet:
    return FieldSet(dimensions, simulator, sweep, ranges, fixed)


SETS: dict[str, FieldSet] = {
    "shear_flow": _of(
        2, ShearFlow,
        {"reynolds": 1000, "schmidt": 1}, {"reynolds": 2000, "schmidt": 1},
        {"reynolds": 4000, "schmidt": 0.5}, {"reynolds": 8000, "schmidt": 0.5},
        ranges={"reynolds": (500, 8000), "schmidt": (0.2, 5)},
    ),
    "gray_scott_2d": _of(
        2, GrayScott,
        {"feed": 0.014, "kill": 0.054}, {"feed": 0.018, "kill": 0.051},
        {"feed": 0.03, "kill": 0.06}, {"feed": 0.04, "kill": 0.06},
        ranges={"feed": (0.026, 0.042), "kill": (0.057, 0.061)},
    ),
    "rayleigh_benard": _of(
        2, RayleighBenard,
        {"rayleigh": 1e5, "prandtl": 1}, {"rayleigh": 3e5, "prandtl": 1},
        {"rayleigh": 1e6, "prandtl": 1}, {"rayleigh": 1e6, "prandtl": 5},
        ranges={"rayleigh": (3e4, 1e6), "prandtl": (0.3, 5)},
    ),
    "rayleigh_taylor": _of(
        2, RayleighTaylor,
        {"rayleigh": 1e6, "amplitude": 0.01}, {"rayleigh": 1e6, "amplitude": 0.02},
        {"rayleigh": 5e6, "amplitude": 0.01}, {"rayleigh": 5e6, "amplitude": 0.02},
        ranges={"rayleigh": (3e5, 5e6), "amplitude": (0.005, 0.03)},
    ),
    "euler_quadrants_periodic_2d": _of(
        2, Euler, *({"gamma": g} for g in (1.2, 1.4, 1.6, 1.8)), ranges={"gamma": (1.1, 1.8)},
    ),
    "euler_quadrants_open_2d": _of(
        2, Euler, *({"gamma": g} for g in (1.2, 1.4, 1.6, 1.8)), ranges={"gamma": (1.1, 1.8)}, boundary="open",
    ),
    "euler_smooth_periodic_3d": _of(
        3, Euler, {"mach": 0.3}, {"mach": 0.6}, ranges={"mach": (0.2, 0.8)}, axes=3, start="smooth", cadence=0.02
    ),
    "tracer_3d": _of(
        3, Tracer,
        {"diffusivity": 0.01}, {"diffusivity": 0.03, "flow": (1.0, 0.7, 0.4)},
        ranges={"diffusivity": (0.003, 0.05)},
    ),
}  # fmt: skip
