"""share: deal the items of one step, of any cost and size, to the ranks that will wait for each other after it."""

import heapq
import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from foundation.errors import FoundationError


def share(
    costs: Float[np.ndarray, "items"],
    ranks: int,
    sizes: Int[np.ndarray, "items"] | None = None,
    room: float = math.inf,
) -> list[list[int]]:
    """Longest first, each item to the rank with the least to do that has room for it.

    For ragged samples: cost what the cost model says, size in elements as `foundation.data.packing.elements` counts,
    room the rank's `tokens_per_batch`. A pure function of its arguments, so ranks that know all lengths agree on it.

    Args:
        costs: of the items, in any unit.
        ranks: to deal to.
        sizes: of the items; None = they need no room.
        room: most that the sizes of a rank may add to.

    Returns:
        The items of each rank, ascending; each item once.

    Raises:
        FoundationError: fewer items than ranks, or items that do not fit.
    """
    if len(costs) < ranks:
        raise FoundationError(f"{len(costs)} items for {ranks} ranks leave one without. Deal more items in a step.")
    needs = np.zeros(len(costs), dtype=np.int64) if sizes is None else sizes
    loads = [(0.0, rank) for rank in range(ranks)]  # a heap: the least to do first
    left, dealt = [room] * ranks, [[] for _ in range(ranks)]
    for item in np.argsort(-costs, kind="stable").tolist():
        load, rank = _with_room(loads, left, int(needs[item]))
        dealt[rank].append(item)
        heapq.heappush(loads, (load + float(costs[item]), rank))
        left[rank] -= int(needs[item])
    return [sorted(items) for items in dealt]


def _with_room(loads: list[tuple[float, int]], left: Sequence[float], need: int) -> tuple[float, int]:
    """Take from the heap the rank with the least to do among those with room."""
    full = []
    while loads:
        load, rank = heapq.heappop(loads)
        if left[rank] >= need:
            for other in full:
                heapq.heappush(loads, other)
            return load, rank
        full.append((load, rank))
    raise FoundationError(
        f"No rank has room for an item of {need} elements; the emptiest has {max(left)} left. "
        "Raise `--data.tokens_per_batch`, or deal fewer items in a step."
    )
