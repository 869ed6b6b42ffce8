"""Packing: every sample once, never above the budget, few and equal batches; sizes agree with what `pack` makes."""

import numpy as np
import pytest
import torch

from foundation.batch import pack
from foundation.data.packing import balanced, consecutive, elements
from foundation.errors import FoundationError
from foundation.tokens import Space, Tokens

SPACE = Space("codes", "discrete", 50)


def lengths(rng, n=300):
    return np.clip(rng.lognormal(5.5, 0.5, n), 1, 900).astype(np.int64)


@pytest.mark.parametrize("seed", range(5))
def test_sizes_are_those_of_the_packed_batch(seed):
    rng = np.random.default_rng(seed)
    reveals = [torch.from_numpy(rng.integers(-1, 4, n)) for n in rng.integers(2, 30, 40)]
    for reveal in reveals:
        reveal[rng.integers(len(reveal))] = rng.integers(0, 3)  # at least one token takes part
    reveals.append(torch.zeros(7, dtype=torch.long))
    tokens = [Tokens.of_space(SPACE, torch.zeros(len(r), dtype=torch.long)) for r in reveals]
    batch = pack(list(zip(tokens, reveals, strict=True)), [SPACE])
    assert elements(reveals).tolist() == torch.diff(batch.offsets).tolist()


def test_sizes_counted_by_hand():
    reveal = [torch.tensor(r) for r in ([0, 0, 1, 2, -1], [1, 1, 1], [0, 0], [-1, -1])]
    assert elements(reveal).tolist() == [2 + 1 + 2, 3, 2, 0]  # given + earlier answers + questions


@pytest.mark.parametrize("seed", range(5))
def test_balanced_batches(seed):
    sizes, budget = lengths(np.random.default_rng(seed)), 4096
    batches = balanced(sizes, budget)
    assert sorted(i for b in batches for i in b) == list(range(len(sizes)))
    loads = np.array([sizes[b].sum() for b in batches])
    assert loads.max() <= budget
    assert len(batches) <= -(-sizes.sum() // budget) + 1
    assert loads.max() / loads.mean() < 1.03  # the emptiest batch gets the next longest sample


def test_batches_are_full_when_the_sizes_allow():
    assert len(balanced(np.full(64, 256), 4096)) == 4
    assert len(balanced(np.array([6, 6, 6]), 10)) == 3  # 18 elements, but no two fit together


@pytest.mark.parametrize("world", [1, 3])
def test_consecutive_batches_keep_the_order_and_suit_every_rank(world):
    sizes, budget = lengths(np.random.default_rng(0)), 4096
    batches = consecutive(sizes, budget, world)
    assert [i for b in batches for i in b] == list(range(len(sizes)))
    assert all(len(b) > 0 and sizes[b].sum() <= budget for b in batches)
    assert len(batches) % world == 0


def test_sample_above_the_budget_says_what_to_type():
    for deal in (balanced, consecutive):
        with pytest.raises(FoundationError, match=r"takes 900 elements, more than the 512.*tokens_per_batch 900"):
            deal(np.array([3, 900]), 512)


def test_too_few_samples_for_the_ranks():
    with pytest.raises(FoundationError, match=r"3 samples cannot be cut .* for 4 ranks alike"):
        consecutive(np.array([5, 5, 5]), 100, 4)
