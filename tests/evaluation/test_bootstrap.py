"""Bootstrap intervals have the width statistics says they have, and paired ones see small differences."""

import numpy as np
import pytest

from foundation.evaluation.bootstrap import Drawn, paired


@pytest.fixture
def values():
    return np.random.default_rng(1).normal(2.0, 3.0, 900)


def mean_of(values, **options):
    return Drawn.of(lambda index: float(values[index].mean()), len(values), **options)


def test_interval_of_a_mean_is_its_standard_error(values):
    found = mean_of(values, resamples=2000).interval
    assert found.value == pytest.approx(values.mean())
    assert found.high - found.low == pytest.approx(2 * 3 / 30, rel=0.1)
    assert found.low < found.value < found.high


def test_the_same_seed_draws_the_same_objects(values):
    first, again = (mean_of(values, seed=4, resamples=20).draws for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (first != mean_of(values, seed=5, resamples=20).draws).any()


def test_paired_sees_what_two_intervals_cannot(values):
    slightly = values - 0.02  # better by far less than the standard error of 0.1
    difference = paired(mean_of(slightly), mean_of(values), merit=lambda v: -v)
    assert difference.gain == pytest.approx(0.02)
    assert difference.probability == 1
    assert difference.low == pytest.approx(0.02)


def test_paired_of_the_like_is_undecided(values):
    other = np.random.default_rng(2).permutation(values)
    difference = paired(mean_of(values), mean_of(other), merit=lambda v: v)
    assert 0.1 < difference.probability < 0.9
    assert difference.low < 0 < difference.high


def test_paired_turns_around_with_its_arguments(values):
    worse = values + np.random.default_rng(3).normal(0.3, 1, 900)
    forward = paired(mean_of(values), mean_of(worse), merit=lambda v: -v)
    backward = paired(mean_of(worse), mean_of(values), merit=lambda v: -v)
    assert forward.gain == pytest.approx(-backward.gain)
    assert forward.probability == pytest.approx(1 - backward.probability)


def test_equals_are_neither_better_nor_worse(values):
    assert paired(mean_of(values), mean_of(values), merit=lambda v: v).probability == 0.5


def test_an_undefined_statistic_has_an_undefined_interval():
    found = Drawn.of(lambda index: float("nan"), 10, resamples=5).interval
    assert np.isnan([found.value, found.low, found.high]).all()
