"""Two real processes carry out a plan: the same on both, everything once, costs agreed on; no clock is judged."""

import numpy as np

from foundation.data.balance.benchmark import mix
from foundation.data.balance.plan import Planner
from foundation.data.balance.waiting import Load, idle_fraction, idle_of, run
from foundation.data.balance.world import World

WORLD, STEPS = World(2, 2, 3), 6
LOAD = Load(((10.0, 0.0, 0.0), (10.0, 400.0, 0.0)), (1e-3, 3e-3), (40, 40))


def test_two_processes():
    waited = run("sorted", LOAD, WORLD, STEPS, seed=5)
    assert len(waited) == 2 and all(w.busy > 0 and w.idle > 0 for w in waited)
    assert 0 < idle_fraction(waited) < 1
    assert waited[0].costs == waited[1].costs and waited[0].costs[1] > waited[0].costs[0]
    planner = Planner(np.ones(2), LOAD.windows, WORLD, "sorted", seed=5)  # what is read does not depend on the costs
    for step in range(STEPS):
        read = [batch for w in waited for batch in w.read[step]]
        plan = planner(step, np.ones(2))
        wanted = zip(plan.source.ravel().tolist(), plan.window.ravel().tolist(), strict=True)
        assert len(read) == WORLD.slots and sorted(read) == sorted(wanted)


def test_the_mix_has_19_sets():
    load = mix()
    assert len(load.work) == len(load.seconds) == len(load.windows) == 19


def test_ranks_with_unlike_steps_wait_for_each_other():
    assert 0.25 < idle_of(np.tile([[0.05, 0.01], [0.01, 0.05]], (4, 1))) < 1  # 0.4, and what the scheduler takes
