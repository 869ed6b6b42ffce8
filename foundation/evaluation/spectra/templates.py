"""Templates: what galaxies, quasars and stars can look like at rest, as a few components each, from simulated objects.

Components are those that explain most of the variance where each object was seen (Roweis 1998, EM for principal
components with missing data), for no redshift shows all of the rest frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foundation.data.simulate.grid import WAVELENGTH
from foundation.data.simulate.sky import SkySurvey
from foundation.data.simulate.source import KINDS
from foundation.progress import track

STEP = 4e-4  # of log10 λ, 276 km/s: four pixels of BOSS
ROUNDS = 20  # of the iteration for the components
SEED = 7919  # of a sky that nobody else looks at
RIDGE = 1e-6


@dataclass(frozen=True, eq=False)
class Template:
    """One class.

    Args:
        kind: "GALAXY", "QSO" or "STAR".
        first: bin of log10 λ / STEP at rest of the first column.
        components: [K, bins]; 0 where no object was seen.
        redshifts: lowest and highest.
    """

    kind: str
    first: int
    components: np.ndarray
    redshifts: tuple[float, float]


def simulated_templates(count: int, components: int) -> tuple[Template, ...]:
    """Templates of the three classes from `count` simulated objects each, above the atmosphere and without noise."""
    return tuple(_template(kind, count, components) for kind in KINDS)


def _template(kind: str, count: int, components: int) -> Template:
    galaxies, quasars, stars = (float(kind == name) for name in KINDS)
    sky = SkySurvey(SEED, galaxies, quasars, stars)
    sources = [sky.source(i) for i in track(range(count), f"templates of {kind}", count)]
    redshifts = [source.z for source in sources]
    first = int(np.floor((np.log10(WAVELENGTH[0]) - np.log10(1 + max(redshifts))) / STEP))
    last = int(np.ceil((np.log10(WAVELENGTH[-1]) - np.log10(1 + min(redshifts))) / STEP))
    rest = np.stack([_at_rest(source.flux, source.z, np.arange(first, last)) for source in sources])
    low, high = (min(redshifts), max(redshifts)) if kind == "STAR" else (0.0, max(redshifts))
    return Template(kind, first, principal(rest, components), (low, high))


def _at_rest(flux: np.ndarray, z: float, bins: np.ndarray) -> np.ndarray:
    """Mean-normalised flux in bins of the rest frame; NaN where the object was not seen."""
    place = STEP * bins + np.log10(1 + z)
    edges = np.log10(WAVELENGTH)
    total = np.concatenate([[0], np.cumsum(flux)])
    among = np.interp(np.stack([place - STEP / 2, place + STEP / 2]), edges, np.arange(len(edges)))
    sums = np.interp(among, np.arange(len(total)), total)
    width = among[1] - among[0]
    seen = (place - STEP / 2 > edges[0]) & (place + STEP / 2 < edges[-1])
    mean = np.divide(sums[1] - sums[0], width, out=np.full(len(bins), np.nan), where=seen & (width > 0))
    return mean / np.nanmean(mean)


def principal(rows: np.ndarray, components: int) -> np.ndarray:
    """Components [K, bins] that explain rows [n, bins] best where they are not NaN; 0 where all are."""
    seen = np.isfinite(rows).astype(float)
    values = np.nan_to_num(rows)
    means = values.sum(0) / np.maximum(seen.sum(0), 1)
    found = np.linalg.svd(np.where(seen > 0, values, means), full_matrices=False)[2][:components]
    for _ in range(ROUNDS):
        weights = _fitted(values, seen, found)
        found = _fitted(values.T, seen.T, weights.T).T
    return found


def _fitted(values: np.ndarray, seen: np.ndarray, components: np.ndarray) -> np.ndarray:
    """Weights [n, K] of components [K, bins] that fit each row where it was seen."""
    normal = np.einsum("kb,nb,lb->nkl", components, seen, components, optimize=True)
    right = (values * seen) @ components.T
    scale = np.trace(normal, axis1=1, axis2=2)[:, None, None] / len(components) + 1e-12
    return np.linalg.solve(normal + RIDGE * scale * np.eye(len(components)), right[..., None])[..., 0]


def binned(
    flux: np.ndarray, ivar: np.ndarray, wavelength: np.ndarray, floor: float
) -> tuple[int, np.ndarray, np.ndarray]:
    """First bin, mean flux and weight of pixels in bins of STEP.

    Args:
        floor: error added to each bin's, as a fraction of the median size of the flux: calibration is not perfect.
    """
    bins = np.rint(np.log10(wavelength) / STEP).astype(int)
    first = int(bins.min())
    weight = np.bincount(bins - first, ivar)
    mean = np.bincount(bins - first, ivar * flux) / np.maximum(weight, 1e-30)
    extra = (floor * np.median(np.abs(flux))) ** 2
    return first, mean, weight / (1 + weight * extra)


def names(templates: Sequence[Template]) -> tuple[str, ...]:
    """The classes, in order."""
    return tuple(template.kind for template in templates)
