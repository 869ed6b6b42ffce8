"""windows: which window of a data set its k-th visit reads: all once a pass, and none twice within a step."""

from functools import lru_cache

import numpy as np
from jaxtyping import Int

from foundation.errors import FoundationError

_PASS = 2  # what a seed is for; the plan's draws have the others


def window_of(
    visit: Int[np.ndarray, "visits"], windows: int, apart: int, seed: int, source: int
) -> Int[np.ndarray, "visits"]:
    """The windows of these visits, counted from 0 at the start of the run.

    Every pass over the set is another permutation. Where one pass ends and the next begins, windows among the last
    `apart` visits do not come again among the next `apart`.

    Args:
        visit: numbers of the visits.
        windows: how many the set has.
        apart: visits that a single step may make.
        seed: of the run.
        source: index of the set.

    Raises:
        FoundationError: too few windows to keep those of a step apart.
    """
    if windows < 3 * apart:
        raise FoundationError(
            f"Data set {source} has {windows} windows and a step may read {apart}; wanted at least {3 * apart}, so "
            "that none comes twice in a step. Use fewer ranks or micro-steps, or give the set a smaller share."
        )
    number, place = np.divmod(visit, windows)
    found = np.empty_like(visit)
    for p in np.unique(number):
        found[number == p] = _pass(windows, apart, seed, source, int(p))[place[number == p]]
    return found


@lru_cache(maxsize=64)
def _pass(windows: int, apart: int, seed: int, source: int, number: int) -> Int[np.ndarray, "windows"]:
    """The order of a pass: a permutation whose head is exchanged where it repeats the tail of the pass before."""
    order = _permutation(windows, seed, source, number)
    if number == 0:
        return order
    recent = np.zeros(windows, dtype=bool)
    recent[_permutation(windows, seed, source, number - 1)[-apart:]] = True
    order = order.copy()
    repeated = np.flatnonzero(recent[order[:apart]])
    fresh = apart + np.flatnonzero(~recent[order[apart:-apart]])[: len(repeated)]
    order[repeated], order[fresh] = order[fresh], order[repeated]
    return order


def _permutation(windows: int, seed: int, source: int, number: int) -> Int[np.ndarray, "windows"]:
    order = np.arange(windows, dtype=np.int32)  # half the memory: a large set has a million windows
    return np.random.default_rng((seed, _PASS, source, number)).permutation(order)
