"""Forecasts: imbalance by hand, the targets on the 19-set mix with 96 ranks, and the order of the policies."""

import numpy as np
import pytest

from foundation.data.balance.policy import POLICIES, policy
from foundation.data.balance.simulate import forecast, imbalance
from foundation.data.balance.world import World
from foundation.errors import FoundationError

WORLD = World(96, 4, 4)
OURS = ("grouped", "sorted")


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize(("jitter", "wanted"), [(0.0, 0.95), (0.05, 0.88)])
def test_utilisation_of_96_ranks(name, jitter, wanted, mix):
    found = forecast(POLICIES[name], WORLD, np.ones(19), mix, steps=1000, jitter=jitter)
    assert found.utilisation >= wanted
    assert found.idle == 1 - found.utilisation


@pytest.mark.parametrize("name", POLICIES)
def test_shares_over_ten_thousand_steps(name, mix):
    steps = 10_000
    found = forecast(POLICIES[name], WORLD, np.ones(19), mix, steps=steps)
    draws = steps * WORLD.slots / (1 if POLICIES[name].per == "rank" else WORLD.group)
    assert found.counts.sum() == steps * WORLD.slots
    shares = found.counts / found.counts.sum()
    assert (np.abs(shares - 1 / 19) < 4 * np.sqrt(1 / 19 * 18 / 19 / draws)).all()


def test_policies_stand_in_the_order_known_from_the_paper_and_its_critique(mix):
    found = {name: forecast(p, WORLD, np.ones(19), mix, 500).utilisation for name, p in POLICIES.items()}
    assert found["random"] < found["paper"] < min(found["grouped"], found["sorted"])
    assert found["paper"] == pytest.approx(0.824, abs=0.01)
    assert found["random"] == pytest.approx(0.714, abs=0.01)


def test_imbalance_by_hand():
    """Two groups of two ranks, two micro-steps: the first group takes 3 + 2, the second 1 + 4, ranks are busy 3.5."""
    seconds = np.array([[[[3.0, 1.0], [2.0, 2.0]], [[1.0, 1.0], [4.0, 0.0]]]])
    assert imbalance(seconds) == pytest.approx(5 / 3.5 - 1)


def test_equal_costs_leave_nothing_idle():
    for p in POLICIES.values():
        assert forecast(p, WORLD, np.array([1.0, 3.0]), np.ones(2), 50).idle == 0


def test_same_seed_same_forecast(mix):
    again = [forecast(POLICIES["sorted"], WORLD, np.ones(19), mix, 50, 0.05, seed=s).imbalance for s in (1, 1, 2)]
    assert (again[0] == again[1]).all() and (again[0] != again[2]).any()


def test_unknown_policy():
    with pytest.raises(FoundationError, match="no policy 'luck'; there are random, paper, grouped, sorted"):
        policy("luck")
