"""Union: the smooth surface around balls, as one function of place that is 0 on it, with its exact curvature.

Distances to the balls are joined by a soft minimum, as dMaSIF does (Sverrisson et al. 2021,
doi:10.1109/CVPR46437.2021.01502), so clefts narrower than water are bridged. No mesh is made: principal curvatures
follow from first and second derivatives (Goldman 2005, doi:10.1016/j.cagd.2005.06.005).
"""

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float64

if TYPE_CHECKING:
    from scipy.spatial import KDTree

SOFT = 0.6  # Å; the softer, the wider the clefts that are bridged
NEAREST = 24  # balls that count at a place: beyond them weights are below exp(-5)
STEPS = 6  # of Newton, towards the surface
NEAR_ENOUGH = 0.02  # Å, from the surface
LEAST = 1e-9

Places = Float64[np.ndarray, "m 3"]


class Level(NamedTuple):
    """The function at some places: its value in Å, negative inside, its gradient and its second derivatives."""

    value: Float64[np.ndarray, "m"]
    gradient: Float64[np.ndarray, "m 3"]
    hessian: Float64[np.ndarray, "m 3 3"]


class Union:
    """Balls joined smoothly.

    Args:
        centres: Å.
        radii: Å.
    """

    def __init__(self, centres: Float64[np.ndarray, "n 3"], radii: Float64[np.ndarray, "n"]) -> None:
        self.centres, self.radii = centres, radii

    @cached_property
    def tree(self) -> "KDTree":
        """Of the centres."""
        from scipy.spatial import KDTree

        return KDTree(self.centres)

    def at(self, places: Places) -> Level:
        """Value, gradient and second derivatives."""
        value, weight, distance, unit = self._joined(places)
        gradient = np.einsum("mk,mki->mi", weight, unit)
        curved = weight / distance
        outer = np.einsum("mk,mki,mkj->mij", weight / SOFT + curved, unit, unit)
        bend = np.eye(3) * curved.sum(1)[:, None, None] + gradient[:, :, None] * gradient[:, None] / SOFT
        return Level(value, gradient, bend - outer)

    def value(self, places: Places) -> Float64[np.ndarray, "m"]:
        """Of the function alone."""
        return self._joined(places)[0]

    def surface(self, places: Places) -> Float64[np.ndarray, "found 3"]:
        """These places moved to the surface; those that do not get there are left out."""
        for _ in range(STEPS):
            value, weight, _, unit = self._joined(places)
            gradient = np.einsum("mk,mki->mi", weight, unit)
            steep = np.maximum((gradient**2).sum(1), LEAST)
            places = places - np.clip(value[:, None] * gradient / steep[:, None], -1, 1)
        return places[np.abs(self.value(places)) < NEAR_ENOUGH]

    def _joined(self, places: Places) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Value at each place; and weight [m, k], distance and direction [m, k, 3] of the balls that count there."""
        near = np.asarray(self.tree.query(places, min(NEAREST, len(self.centres)))[1]).reshape(len(places), -1)
        apart = places[:, None] - self.centres[near]
        distance = np.maximum(np.linalg.norm(apart, axis=-1), LEAST)
        outside = distance - self.radii[near]
        least = outside.min(1, keepdims=True)
        weight = np.exp((least - outside) / SOFT)
        total = weight.sum(1, keepdims=True)
        return (least - SOFT * np.log(total))[:, 0], weight / total, distance, apart / distance[..., None]


def curvatures(level: Level) -> Float64[np.ndarray, "m 2"]:
    """Principal curvatures in 1/Å, the larger first; positive where the surface bulges, 1 / radius on a ball."""
    size = np.maximum(np.linalg.norm(level.gradient, axis=1), LEAST)
    normal = level.gradient / size[:, None]
    along = np.eye(3) - normal[:, :, None] * normal[:, None]
    shape = along @ level.hessian @ along / size[:, None, None]
    twice_mean = np.trace(shape, axis1=1, axis2=2)
    squares = (shape * shape).sum((1, 2))
    half = np.sqrt(np.maximum(2 * squares - twice_mean**2, 0)) / 2  # half of the difference
    return np.stack([twice_mean / 2 + half, twice_mean / 2 - half], 1)


def shape_index(curvature: Float64[np.ndarray, "m 2"]) -> Float64[np.ndarray, "m"]:
    """From -1, a pit, over -1/2, a groove, 0, a saddle, and 1/2, a ridge, to 1, a knob (Koenderink and van Doorn 1992,
    doi:10.1016/0262-8856(92)90076-F)."""
    return 2 / np.pi * np.arctan2(curvature.sum(1), curvature[:, 0] - curvature[:, 1])
