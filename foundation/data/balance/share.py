"""share: deal items of any cost and size: a step's to the ranks that wait for each other, a window's to batches."""

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
    dealt = deal(costs, ranks, needs, room)
    if dealt is None:
        raise FoundationError(
            f"{len(costs)} items of {int(needs.sum())} elements, the largest {int(needs.max())}, do not fit {ranks} "
            f"ranks with room for {room:.0f} each. Raise `--data.tokens_per_batch`, or deal fewer items in a step."
        )
    return dealt


def deal(
    costs: Float[np.ndarray, "items"], bins: int, sizes: Int[np.ndarray, "items"], room: float
) -> list[list[int]] | None:
    """As `share`, but None if an item finds no bin with room for it, and bins may stay empty."""
    loads = [(0.0, b) for b in range(bins)]  # a heap: the least to do first
    left: list[float] = [room] * bins
    dealt: list[list[int]] = [[] for _ in range(bins)]
    for item in np.argsort(-costs, kind="stable").tolist():
        found = _with_room(loads, left, int(sizes[item]))
        if found is None:
            return None
        load, b = found
        dealt[b].append(item)
        heapq.heappush(loads, (load + float(costs[item]), b))
        left[b] -= int(sizes[item])
    return [sorted(items) for items in dealt]


def _with_room(loads: list[tuple[float, int]], left: Sequence[float], need: int) -> tuple[float, int] | None:
    """Take from the heap the bin with the least to do among those with room."""
    full = []
    found = None
    while loads and found is None:
        load, b = heapq.heappop(loads)
        if left[b] >= need:
            found = load, b
        else:
            full.append((load, b))
    for other in full:
        heapq.heappush(loads, other)
    return found
