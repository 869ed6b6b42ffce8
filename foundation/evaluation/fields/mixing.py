"""mixing: how fast a Rayleigh-Taylor mixing layer grows: its height, energies, and the growth rate α of h = α At g t².

At g is half the jump of acceleration between the fluids: (ρ1 - ρ2) / (ρ1 + ρ2) times gravity, or half the jump of
buoyancy of a Boussinesq fluid. Short-wave simulations have α of 0.02 to 0.03, experiments 0.05 to 0.07 (Dimonte et al.,
Phys. Fluids 16, 1668, 2004). Which height is meant changes α: here it is the whole width of the layer, twice the
penetration of either fluid where both go equally far.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from foundation.data.fields.record import Field
from foundation.errors import FoundationError

THRESHOLD = 0.01  # of the volume fraction, from either end
FEWEST = 4  # times of a fit


@dataclass(frozen=True)
class Layer:
    """Where to look for the layer in a simulation.

    Args:
        field: name of the channel that tells the fluids apart, such as "buoyancy" or "density".
        axis: along which gravity points, such as "y".
        acceleration: At g, in units of the file; None = half the jump of `field`, which is then a buoyancy.
    """

    field: str = "buoyancy"
    axis: str = "y"
    acceleration: float | None = None

    def fraction(self, sample: Field) -> Float[np.ndarray, "time *space"]:
        """Volume fraction of the fluid that is at the upper end at first: 0 and 1 are the ends of the first frame.

        Raises:
            FoundationError: no such channel or axis, or two ends that are alike.
        """
        values, (low, high) = sample.channel(self.field).astype(np.float64), self._ends(sample)
        return np.clip((values - low) / (high - low), 0, 1)

    def driving(self, sample: Field) -> float:
        """At g."""
        low, high = self._ends(sample)
        return abs(high - low) / 2 if self.acceleration is None else self.acceleration

    def along(self, sample: Field) -> int:
        """Number of the axis of gravity among those of space."""
        if self.axis not in sample.axes:
            raise FoundationError(f"No axis {self.axis!r}; there are {', '.join(sample.axes)}. Give one as `--axis`.")
        return sample.axes.index(self.axis)

    def _ends(self, sample: Field) -> tuple[float, float]:
        first = np.moveaxis(sample.channel(self.field)[0].astype(np.float64), self.along(sample), 0)
        low, high = float(first[0].mean()), float(first[-1].mean())
        if np.isclose(low, high, atol=1e-6 * float(np.abs(first).max() + 1e-30)):
            raise FoundationError(
                f"{self.field} is {low:.3g} at both ends of axis {self.axis}: no two fluids. Give another `--axis`."
            )
        return low, high


def integral_height(
    fraction: Float[np.ndarray, "time *space"], axis: int, spacing: float
) -> Float[np.ndarray, " time"]:
    """6 ∫ f (1 - f) dz of the mean profile f: the width of a layer whose fraction rises linearly."""
    profile = mean_profile(fraction, axis)
    return 6 * (profile * (1 - profile)).sum(1) * spacing


def threshold_height(
    fraction: Float[np.ndarray, "time *space"], axis: int, spacing: float
) -> Float[np.ndarray, " time"]:
    """From the first to the last plane where the mean fraction is between 1 % and 99 %."""
    profile = mean_profile(fraction, axis)
    mixed = (profile > THRESHOLD) & (profile < 1 - THRESHOLD)
    place = np.arange(profile.shape[1])
    first = np.where(mixed, place, profile.shape[1]).min(1)
    last = np.where(mixed, place, -1).max(1)
    return np.maximum(last - first + 1, 0) * spacing


HEIGHTS: Mapping[str, Callable[[np.ndarray, int, float], np.ndarray]] = {
    "integral": integral_height,
    "threshold": threshold_height,
}


def mean_profile(values: Float[np.ndarray, "time *space"], axis: int) -> Float[np.ndarray, "time plane"]:
    """Mean over the planes across an axis of space."""
    return np.moveaxis(values, axis + 1, 1).reshape(len(values), values.shape[axis + 1], -1).mean(2)


def growth_rates(
    height: Float[np.ndarray, " time"], time: Float[np.ndarray, " time"], driving: float
) -> dict[str, float]:
    """α by three estimators, over all the times given, which should be those of self-similar growth.

    "slope": of h against At g t². "root": from the slope of √h against t, which a shift of time leaves alone. "ratio":
    median of ḣ² / (4 At g h) (Ristorcelli and Clark, J. Fluid Mech. 507, 213, 2004).

    Raises:
        FoundationError: fewer than four times, or a layer without height.
    """
    if len(height) < FEWEST or driving <= 0 or (height <= 0).any():
        raise FoundationError(
            f"{len(height)} heights of which {(height <= 0).sum()} are 0, driven by {driving:.3g}. "
            f"Give at least {FEWEST} times at which there is a layer."
        )
    slope = np.polyfit(driving * time**2, height, 1)[0]
    root = np.polyfit(time, np.sqrt(height), 1)[0]
    speed = np.gradient(height, time)
    ratio = np.median(speed**2 / (4 * driving * height))
    return {"slope": float(slope), "root": float(root * abs(root) / driving), "ratio": float(ratio)}


def kinetic_energy(sample: Field) -> Float[np.ndarray, " time"]:
    """Mean of u² / 2 over space."""
    parts = [sample.channel(n).astype(np.float64) for n in sample.names if n.startswith("velocity_")]
    if not parts:
        raise FoundationError(f"No velocity among {', '.join(sample.names)}. Measure a set that has one.")
    return sum((u**2).reshape(len(u), -1).mean(1) for u in parts) / 2  # pyright: ignore[reportReturnType]


def released_energy(sample: Field, layer: Layer) -> Float[np.ndarray, " time"]:
    """Potential energy that buoyancy has given off since the first frame, mean over space; the heavy fluid on top."""
    axis = layer.along(sample)
    buoyancy = -2 * layer.driving(sample) * mean_profile(layer.fraction(sample), axis)  # but for a constant
    height = np.arange(buoyancy.shape[1]) * sample.spacing[axis]
    return ((buoyancy - buoyancy[:1]) * height).mean(1)
