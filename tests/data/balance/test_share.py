"""Sharing ragged items: each once, within the room, and as even as the ragged batches of the other systems need."""

import numpy as np
import pytest

from foundation.data.balance.cost import CostModel
from foundation.data.balance.share import share
from foundation.data.packing import balanced
from foundation.errors import FoundationError


def lengths(rng, n):
    return np.clip(np.exp(rng.normal(6.2, 0.35, n)), 256, 900).astype(np.int64)


@pytest.mark.parametrize("seed", range(3))
def test_ragged_samples_of_64_ranks(seed):
    """Imbalance p95 <= 3 %, with attention's pairs in the cost and the tokens within their budget."""
    rng, model, room = np.random.default_rng(seed), CostModel(0.0, 1.0, 1e-3), 20_000
    found = []
    for _ in range(20):
        sizes = lengths(rng, 64 * 32)
        costs = model(np.stack([sizes, sizes**2, 0 * sizes], 1))
        dealt = share(costs, 64, sizes, room)
        assert sorted(i for items in dealt for i in items) == list(range(len(sizes)))
        assert max(sizes[items].sum() for items in dealt) <= room
        loads = np.array([costs[items].sum() for items in dealt])
        found.append(loads.max() / loads.mean() - 1)
    assert np.percentile(found, 95) <= 0.03


def test_packed_batches_are_items_too():
    sizes = lengths(np.random.default_rng(0), 400)
    batches = balanced(sizes, 4096)
    pairs = np.array([float((sizes[b] ** 2).sum()) for b in batches])
    dealt = share(pairs, 4)
    assert sorted(i for items in dealt for i in items) == list(range(len(batches)))


def test_a_full_rank_is_passed_over():
    assert share(np.array([5.0, 4.0, 3.0, 1.0]), 2) == [[0, 3], [1, 2]]
    assert share(np.array([4.0, 3.0, 2.0]), 2, np.array([1, 9, 9]), 10) == [[0, 2], [1]]


def test_mistakes():
    with pytest.raises(FoundationError, match="1 items for 2 ranks"):
        share(np.ones(1), 2)
    with pytest.raises(FoundationError, match="24 elements, the largest 8, do not fit 2 ranks with room for 12 each"):
        share(np.ones(3), 2, np.array([8, 8, 8]), 12)
