"""Ragged batches: packed by tokens they keep many ranks busy, counted by samples they do not."""

import numpy as np

from foundation.data.balance.ragged import BUDGET, ENCODER, costs


def idle(cost):
    return 1 - float((cost.mean(1) / cost.max(1)).mean())


def test_packing_by_tokens_leaves_a_third_of_the_idle_time_on_96_ranks():
    counted, balanced = costs("counted", 96, 40), costs("balanced", 96, 40)
    assert idle(balanced) < 0.05 < idle(counted) / 2
    assert abs(balanced.mean() / counted.mean() - 1) < 0.1  # the same work


def test_a_batch_costs_no_more_than_a_full_one_of_the_longest_samples():
    assert costs("balanced", 4, 50).max() <= ENCODER(np.array([[BUDGET, BUDGET * 900, 0]]))[0]


def test_ranks_draw_for_themselves_and_a_seed_draws_again():
    one = costs("balanced", 3, 10, seed=1)
    assert np.array_equal(one, costs("balanced", 3, 10, seed=1))
    assert len({tuple(rank) for rank in one.T}) == 3
