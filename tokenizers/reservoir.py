"""Reservoir: a uniform sample of fixed size from a stream of unknown length (Vitter 1985, algorithm R)."""

import numpy as np


class Reservoir:
    """After n values each of them is kept with probability min(1, size / n)."""

    def __init__(self, size: int, seed: int = 0) -> None:
        self.size = size
        self.seen = 0
        self._values = np.empty(size)
        self._random = np.random.default_rng(seed)

    def add(self, values: np.ndarray | float) -> None:
        """Take finite values in; the others are missing and do not count."""
        values = np.asarray(values, dtype=np.float64).ravel()
        values = values[np.isfinite(values)]
        fill = values[: max(0, self.size - self.seen)]
        self._values[self.seen : self.seen + len(fill)] = fill
        rest = values[len(fill) :]
        first = self.seen + len(fill) + 1
        # the n-th value goes to one of n places, all alike, and is lost if that place is outside
        place = self._random.integers(0, np.arange(first, first + len(rest)))
        kept = place < self.size
        self._values[place[kept]] = rest[kept]  # of two for the same place the later stays
        self.seen += len(values)

    def values(self) -> np.ndarray:
        """The sample, in no particular order; float64 [min(size, seen)]."""
        return self._values[: min(self.size, self.seen)].copy()
