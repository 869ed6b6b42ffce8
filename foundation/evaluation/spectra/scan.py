"""TemplateScan: class and redshift of a spectrum by chi-squared, at every redshift of every class: what encoders face.

At each redshift the best sum of a class's components is a linear problem. Its matrices are correlations of the
components, and of their products, with flux and weight, and Fourier transforms give those at all redshifts at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.signal import correlate

from foundation.data.records import Spectrum
from foundation.evaluation.spectra.templates import STEP, Template, binned, names, simulated_templates

FLOOR = 0.02  # error of the calibration, as a fraction of the flux
RIDGE = 1e-8


@dataclass(frozen=True)
class Found:
    """The best class, redshift and chi-squared."""

    kind: str
    z: float
    chi2: float


@dataclass(frozen=True, eq=False)
class TemplateScan:
    """Templates to compare with.

    Args:
        templates: one a class.
        sources: simulated objects behind them.
    """

    templates: tuple[Template, ...]
    sources: int

    @classmethod
    def of_simulation(cls, count: int, components: int) -> "TemplateScan":
        """Templates from `count` simulated objects of each class."""
        return cls(simulated_templates(count, components), 3 * count)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """All classes."""
        return names(self.templates)

    def best(self, spectrum: Spectrum, allowed: Sequence[str]) -> Found:
        """The best of the allowed classes, at its best redshift."""
        good = spectrum.usable
        flux, ivar = (x[good].astype(np.float64) for x in (spectrum.flux, spectrum.ivar))
        first, mean, weight = binned(flux, ivar, spectrum.wavelength[good], FLOOR)
        found = [_scan(t, first, mean, weight) for t in self.templates if t.kind in allowed]
        return min(found, key=lambda f: f.chi2)


def _scan(template: Template, first: int, mean: np.ndarray, weight: np.ndarray) -> Found:
    shifts = np.arange(*(round(np.log10(1 + z) / STEP) + i for i, z in enumerate(template.redshifts)))
    place = shifts + template.first - first  # where the template's first bin falls among the spectrum's
    right = np.stack([_correlated(weight * mean, c, place) for c in template.components], 1)  # [shifts, K]
    size = len(template.components)
    normal = np.empty((len(shifts), size, size))
    for k in range(size):
        for other in range(k, size):
            product = template.components[k] * template.components[other]
            normal[:, k, other] = normal[:, other, k] = _correlated(weight, product, place)
    ridge = RIDGE * np.trace(normal, axis1=1, axis2=2)[:, None, None] + 1e-30
    fitted = np.linalg.solve(normal + ridge * np.eye(size), right[..., None])[..., 0]
    chi2 = (weight * mean**2).sum() - (right * fitted).sum(1)
    at = int(np.argmin(chi2))
    return Found(template.kind, float(10 ** (STEP * shifts[at]) - 1), float(chi2[at]))


def _correlated(values: np.ndarray, pattern: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Σ_i values[i] pattern[i - place] for each place; 0 where they do not meet."""
    full = correlate(values, pattern, "full", "fft")  # entry m belongs to place m - (len(pattern) - 1)
    index = place + len(pattern) - 1
    inside = (index >= 0) & (index < len(full))
    return np.where(inside, full[np.clip(index, 0, len(full) - 1)], 0.0)
