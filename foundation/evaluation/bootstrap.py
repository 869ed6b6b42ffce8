"""bootstrap: how sure a number is, by drawing the test objects again with replacement."""

from collections.abc import Callable
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
        probability: fraction of resamples in which A is better.
    """

    gain: float
    low: float
    high: float
    probability: float


def resample(statistic: Statistic, n: int, seed: int = 0, resamples: int = RESAMPLES) -> np.ndarray:
    """float64 [resamples]: the statistic on objects drawn with replacement; seeded."""
    generator = np.random.default_rng([seed, n])
    return np.array([statistic(generator.integers(0, n, n)) for _ in range(resamples)])


def interval(statistic: Statistic, n: int, seed: int = 0, resamples: int = RESAMPLES) -> Interval:
    """The statistic on all n objects and its 68 % interval."""
    drawn = resample(statistic, n, seed, resamples)
    low, high = np.nanpercentile(drawn, INTERVAL) if np.isfinite(drawn).any() else (float("nan"),) * 2
    return Interval(float(statistic(np.arange(n))), float(low), float(high))


def paired(a: Statistic, b: Statistic, n: int, merit: Callable[[float], float], seed: int = 0) -> Difference:
    """Is A better than B? Both are computed on the same drawn objects, so what is hard for both cancels.

    Args:
        merit: turns the number so that larger is better.
    """

    def gain(index: np.ndarray) -> float:
        return merit(a(index)) - merit(b(index))

    drawn = resample(gain, n, seed)
    low, high = np.nanpercentile(drawn, INTERVAL)
    return Difference(float(gain(np.arange(n))), float(low), float(high), float(np.mean(drawn > 0)))
