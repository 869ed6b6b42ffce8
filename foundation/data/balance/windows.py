"""windows: which window of a data set its k-th visit reads: all once a pass, and none twice within a step.

Neither depends on how many ranks there are, so that a run goes on with another number of them where it stopped.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Int

from foundation.errors import FoundationError

_PASS = 2  # what a seed is for; the plan's draws have the others


def window_of(visit: Int[np.ndarray, "visits"], windows: int, seed: int, source: int) -> Int[np.ndarray, "visits"]:
    """The windows of these visits, counted from 0 at the start of the run.

    Every pass over the set is another permutation. Where one pass ends and the next begins, windows of the last third
    of the one do not come again in the first third of the other.

    Args:
        visit: numbers of the visits.
        windows: how many the set has, 3 or more.
        seed: of the run.
        source: index of the set.
    """
    number, place = np.divmod(visit, windows)
    found = np.empty_like(visit)
    for p in np.unique(number):
        found[number == p] = _pass(windows, seed, source, int(p))[place[number == p]]
    return found


def check_apart(windows: int, most: int, source: int) -> None:
    """Whether a set has windows enough to keep those of a step apart.

    Args:
        windows: how many the set has.
        most: visits that a single step may make.
        source: index of the set.

    Raises:
        FoundationError: it has not.
    """
    if windows < 3 * most:
        raise FoundationError(
            f"Data set {source} has {windows} windows and a step may read {most}; wanted at least {3 * most}, so "
            "that none comes twice in a step. Use fewer ranks or micro-steps, or give the set a smaller share."
        )


@lru_cache(maxsize=64)
def _pass(windows: int, seed: int, source: int, number: int) -> Int[np.ndarray, "windows"]:
    """The order of a pass: a permutation whose head is exchanged where it repeats the tail of the pass before."""
    order, apart = _permutation(windows, seed, source, number), windows // 3
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
