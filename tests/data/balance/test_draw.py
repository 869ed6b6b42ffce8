"""Draws: exact marginals, floor or ceil in every step, and less spread than independent draws."""

import numpy as np
import pytest

from foundation.data.balance.draw import independent, normalised, systematic
from foundation.errors import FoundationError

STEPS, SLOTS = 10_000, 37


def counts(drawn, sets):
    flat = drawn + sets * np.arange(len(drawn))[:, None]
    return np.bincount(flat.ravel(), minlength=sets * len(drawn)).reshape(-1, sets)


@pytest.mark.parametrize("draw", [independent, systematic])
def test_marginals_within_four_standard_errors(draw, uneven):
    found = counts(draw(uneven, SLOTS, STEPS, np.random.default_rng(0)), 5).sum(0) / (STEPS * SLOTS)
    error = np.sqrt(uneven * (1 - uneven) / (STEPS * SLOTS))
    assert (np.abs(found - uneven) < 4 * error).all()


@pytest.mark.parametrize("slots", [1, 5, 37, 384])
def test_systematic_gives_floor_or_ceil_in_every_step(slots, uneven):
    for seed in range(5):
        found = counts(systematic(uneven, slots, 200, np.random.default_rng(seed)), 5)
        assert (found.sum(1) == slots).all()
        assert (found >= np.floor(slots * uneven)).all() and (found <= np.ceil(slots * uneven)).all()


def test_systematic_keeps_the_shares_over_all_steps_to_a_slot(uneven):
    found = counts(systematic(uneven, SLOTS, 256, np.random.default_rng(1)), 5).sum(0)
    assert (np.abs(found - 256 * SLOTS * uneven) <= 1 + 1e-9).all()


@pytest.mark.parametrize("draw", [independent, systematic])
def test_every_slot_alone_has_the_marginals(draw, uneven):
    """Position in a step must not tell the set: each column has the shares, over many seeds."""
    drawn = np.stack([draw(uneven, 4, 1, np.random.default_rng(seed))[0] for seed in range(8000)])
    for column in drawn.T:
        found = np.bincount(column, minlength=5) / len(drawn)
        assert (np.abs(found - uneven) < 4.5 * np.sqrt(uneven * (1 - uneven) / len(drawn))).all()


def test_whole_numbers_of_slots_are_met_exactly():
    shares = normalised(np.ones(10))
    for seed in range(20):
        assert (counts(systematic(shares, 30, 64, np.random.default_rng(seed)), 10) == 3).all()


@pytest.mark.parametrize("shares", [[], [1.0, 0.0], [1.0, -1.0], [1.0, float("nan")]])
def test_shares_must_be_positive(shares):
    with pytest.raises(FoundationError, match="must be positive"):
        normalised(np.array(shares))
