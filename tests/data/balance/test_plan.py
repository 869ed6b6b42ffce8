"""Plans: pure in (seed, step, world, costs), shares and windows as promised, ranks of a group alike where they must."""

import numpy as np
import pytest

from foundation.data.balance.draw import normalised
from foundation.data.balance.plan import ROUND, Planner
from foundation.data.balance.policy import POLICIES
from foundation.data.balance.world import World
from foundation.errors import FoundationError

WORLD, WINDOWS = World(8, 2, 3), (300, 120, 200, 90, 150)
COSTS = np.array([1.0, 1.7, 1.1, 2.0, 1.3])


def same(a, b):
    return (a.source == b.source).all() and (a.window == b.window).all()


@pytest.mark.parametrize("name", POLICIES)
def test_any_step_is_the_same_after_a_restart(name, uneven):
    whole = Planner(uneven, WINDOWS, WORLD, name, seed=3)
    plans = [whole(step, COSTS) for step in range(ROUND + 20)]
    for step in (ROUND + 19, 0, 17, ROUND - 1, ROUND):
        assert same(Planner(uneven, WINDOWS, WORLD, name, seed=3)(step, COSTS), plans[step])
    assert not same(Planner(uneven, WINDOWS, WORLD, name, seed=4)(5, COSTS), plans[5])


@pytest.mark.parametrize("name", ["grouped", "sorted"])
@pytest.mark.parametrize("world", [WORLD, World(16, 4, 1), World(5)], ids=str)
def test_counts_of_a_step_are_floor_or_ceil(name, world, uneven):
    planner = Planner(uneven, [900] * 5, world, name)
    unit = world.group if name == "grouped" else 1
    for step in range(60):
        source = planner(step, COSTS).source
        assert source.shape == (world.groups, world.accumulate, world.group)
        drawn = np.bincount(source.ravel(), minlength=5) / unit
        wanted = uneven * world.slots / unit
        assert (drawn >= np.floor(wanted)).all() and (drawn <= np.ceil(wanted)).all()


@pytest.mark.parametrize("name", POLICIES)
def test_no_window_twice_in_a_step_and_all_once_a_pass(name, uneven):
    planner = Planner(uneven, WINDOWS, WORLD, name, seed=1)
    read = [[] for _ in WINDOWS]
    for step in range(ROUND + 40):
        plan = planner(step, COSTS)
        pairs = list(zip(plan.source.ravel().tolist(), plan.window.ravel().tolist(), strict=True))
        assert len(set(pairs)) == WORLD.slots
        for source, windows in enumerate(read):
            windows += sorted(w for s, w in pairs if s == source)
    for windows, size in zip(read, WINDOWS, strict=True):
        assert len(windows) > 2 * size
        seen = np.bincount(windows, minlength=size)
        assert seen.max() - seen.min() <= 1  # every window as often as any other, the pass under way apart


@pytest.mark.parametrize("name", POLICIES)
def test_passes_go_on_with_other_numbers_of_ranks(name, uneven):
    """Worlds of 8, 16 and 4 ranks one after the other read every window once a pass, as if they were one."""
    read, taken, first = [[] for _ in WINDOWS], np.zeros(5, np.int64), 0
    for world, steps in ((WORLD, 80), (World(16, 4, 1), 150), (World(4, 1, 2), 100)):
        planner = Planner(uneven, WINDOWS, world, name, seed=1)
        planner.follow(first, taken)
        for step in range(first, first + steps):
            plan = planner(step, COSTS)
            for source, window in zip(plan.source.ravel().tolist(), plan.window.ravel().tolist(), strict=True):
                read[source].append(window)
        first += steps
        taken = planner.taken(first)
        assert taken.tolist() == [len(windows) for windows in read]
    for windows, size in zip(read, WINDOWS, strict=True):
        seen = np.bincount(windows, minlength=size)
        assert len(windows) > size and seen.max() - seen.min() <= 1


def test_costs_move_slots_between_ranks_and_change_nothing_else(uneven):
    planner = Planner(uneven, WINDOWS, WORLD)
    one, two = planner(9, COSTS), planner(9, COSTS[::-1].copy())
    assert (one.source != two.source).any()
    read = [sorted(zip(p.source.ravel().tolist(), p.window.ravel().tolist(), strict=True)) for p in (one, two)]
    assert read[0] == read[1]


def test_another_world_keeps_the_shares(uneven):
    for world in (World(4, 2, 2), World(32, 4, 4)):
        planner = Planner(uneven, [9000] * 5, world)
        found = sum(np.bincount(planner(step, COSTS).source.ravel(), minlength=5) for step in range(ROUND))
        assert (np.abs(found - ROUND * world.slots * uneven) <= 1 + 1e-9).all()


@pytest.mark.parametrize("name", ["paper", "grouped"])
def test_ranks_of_a_group_run_the_same_modules_in_the_same_order(name, uneven):
    """With modules sharded inside a group, any other sequence of collectives would hang."""
    planner = Planner(uneven, WINDOWS, WORLD, name)
    for step in range(40):
        plan = planner(step, COSTS)
        for group in range(WORLD.groups):
            ranks = [plan.of(group * WORLD.group + place) for place in range(WORLD.group)]
            assert len({tuple(source for source, _ in batches) for batches in ranks}) == 1


def test_a_rank_gets_its_part(uneven):
    plan = Planner(uneven, WINDOWS, WORLD)(0, COSTS)
    assert [plan.of(5)[k] for k in range(3)] == [(plan.source[2, k, 1], plan.window[2, k, 1]) for k in range(3)]


def test_mistakes(uneven):
    with pytest.raises(FoundationError, match="5 shares and 2 numbers of windows"):
        Planner(uneven, (9, 9), WORLD)
    with pytest.raises(FoundationError, match="Wanted 5 positive costs"):
        Planner(uneven, WINDOWS, WORLD)(0, np.ones(4))
    with pytest.raises(FoundationError, match="Wanted 5 positive costs"):
        Planner(uneven, WINDOWS, WORLD)(0, np.array([1, 1, 1, 1, np.nan]))
    with pytest.raises(FoundationError, match="has 20 windows and a step may read 12; wanted at least 36"):
        Planner(normalised(np.ones(2)), (20, 20), World(24, 1, 1), "grouped")(0, np.ones(2))
