"""Arrangements: every slot once; longest first against a plain loop and against the best of all assignments."""

from itertools import permutations

import numpy as np
import pytest

from foundation.data.balance.arrange import as_drawn, longest_first
from foundation.data.balance.world import World
from foundation.errors import FoundationError

WORLDS = [World(6, 3, 4), World(8, 1, 2), World(4, 4, 3), World(12, 2, 1)]


def by_hand(costs, world):
    """Longest first, one step, one chunk at a time; the chunks of each group as sets of slots."""
    slots = sorted(range(world.slots), key=lambda s: -costs[s])
    chunks = [slots[i : i + world.group] for i in range(0, len(slots), world.group)]
    load, dealt = [0.0] * world.groups, [[] for _ in range(world.groups)]
    for chunk in chunks:
        group = min((g for g in range(world.groups) if len(dealt[g]) < world.accumulate), key=lambda g: load[g])
        load[group] += costs[chunk[0]]
        dealt[group].append(frozenset(chunk))
    return [set(chunks) for chunks in dealt]


@pytest.mark.parametrize("world", WORLDS, ids=str)
@pytest.mark.parametrize("arrange", [as_drawn, longest_first])
def test_every_slot_once(world, arrange):
    costs = np.random.default_rng(0).random((20, world.slots))
    order = arrange(costs, world)
    assert order.shape == (20, world.groups, world.accumulate, world.group)
    assert (np.sort(order.reshape(20, -1)) == np.arange(world.slots)).all()


@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_longest_first_is_the_plain_loop(world):
    costs = np.random.default_rng(1).integers(1, 6, (30, world.slots)).astype(float)
    for step, order in enumerate(longest_first(costs, world)):
        found = [{frozenset(chunk) for chunk in group} for group in order.tolist()]
        assert found == by_hand(costs[step].tolist(), world)


def test_never_worse_than_four_thirds_of_the_best():
    world, rng = World(2, 1, 3), np.random.default_rng(2)
    for costs in rng.random((50, 6)):
        best = min(max(sum(costs[list(p[:3])]), sum(costs[list(p[3:])])) for p in permutations(range(6)))
        found = costs[longest_first(costs[None], world)[0]].sum((1, 2)).max()
        assert found <= best * 4 / 3 + 1e-12


def test_micro_steps_stand_in_the_order_drawn():
    order = longest_first(np.random.default_rng(3).random((50, 24)), World(6, 2, 4))
    assert (np.diff(order[..., 0], axis=2) > 0).all()


@pytest.mark.parametrize(("ranks", "group", "accumulate"), [(0, 1, 1), (4, 0, 1), (4, 1, 0), (6, 4, 1)])
def test_impossible_worlds(ranks, group, accumulate):
    with pytest.raises(FoundationError, match=r"--group"):
        World(ranks, group, accumulate)
