"""bootstrap: how sure a number is, by drawing the test objects again with replacement."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

Statistic = Callable[[np.ndarray], float]  # indices of test objects [n] -> number
RESAMPLES = 200  # the ends of a 68 % interval are then known to about a tenth of its width
INTERVAL = (16.0, 84.0)  # percentiles: 68 %


@dataclass(frozen=True)
class Interval:
    """A number and the 68 % bootstrap interval around it."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """How much better A is than B on the same objects.

    Args:
        gain: positive if A is better, in the unit of the metric.
        low, high: 68 % interval of the gain.
        probability: fraction of draws in which A is better; ties count half.
    """

    gain: float
    low: float
    high: float
    probability: float


@dataclass(frozen=True, eq=False)
class Drawn:
    """A statistic on all objects, and on each of many draws of them; equal n and seed draw the same objects.

    Args:
        value: on all objects.
        draws: float64 [resamples].
    """

    value: float
    draws: np.ndarray

    @classmethod
    def of(cls, statistic: Statistic, n: int, seed: int = 0, resamples: int = RESAMPLES) -> "Drawn":
        """Draw n objects with replacement, `resamples` times."""
        draws = [statistic(index) for index in _indices(n, seed, resamples)]
        return cls(float(statistic(np.arange(n))), np.array(draws))

    @property
    def interval(self) -> Interval:
        """The value and its 68 % interval; not-a-number if no draw is a number."""
        return Interval(self.value, *_middle(self.draws))


def drawn_counts(n: int, seed: int = 0, resamples: int = RESAMPLES) -> np.ndarray:
    """How often each of n objects comes: once, then in each of the draws that `Drawn.of` makes; [n, 1 + resamples]."""
    draws = [np.bincount(index, minlength=n) for index in _indices(n, seed, resamples)]
    return np.stack([np.ones(n, np.int64), *draws], 1)


def _indices(n: int, seed: int, resamples: int) -> Iterator[np.ndarray]:
    """n of n objects, with replacement, so many times."""
    generator = np.random.default_rng([seed, n])
    return (generator.integers(0, n, n) for _ in range(resamples))


def paired(a: Drawn, b: Drawn, merit: Callable[[float], float]) -> Difference:
    """Is A better than B? Both on the same drawn objects, so what is hard for both cancels.

    Args:
        merit: turns the number so that larger is better.
    """
    gains = np.array([merit(x) - merit(y) for x, y in zip(a.draws, b.draws, strict=True)])
    probability = float(np.mean(gains > 0) + np.mean(gains == 0) / 2)
    return Difference(merit(a.value) - merit(b.value), *_middle(gains), probability)


def _middle(draws: np.ndarray) -> tuple[float, float]:
    if not np.isfinite(draws).any():
        return float("nan"), float("nan")
    low, high = np.nanpercentile(draws, INTERVAL)
    return float(low), float(high)
