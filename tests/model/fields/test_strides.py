"""Strides: the published table, and any other length."""

import pytest
import torch

from foundation.model.fields.jitter import Draws, place, take_back
from foundation.model.fields.strides import AxisPlan, around, plan_grid, stride_pair, token_grid

TABLE = {4: (2, 2), 8: (4, 2), 12: (6, 2), 16: (4, 4), 24: (6, 4), 32: (8, 4)}
# axis, periodic padding, padding of walls: the worked numbers of the published table
WORKED = {
    (128, 32): (5, 7),
    (256, 32): (6, 10),
    (384, 32): (7, 13),
    (512, 32): (2, 10),
    (1024, 32): (0, 16),
    (64, 16): (5, 7),
    (128, 16): (6, 10),
    (256, 16): (2, 10),
}


@pytest.mark.parametrize("target", [16, 32])
def test_the_published_table(target):
    assert {q: stride_pair(q * target, target) for q in TABLE} == TABLE
    assert stride_pair(1, target) == (1, 1)


@pytest.mark.parametrize(
    ("points", "pair"), [(2, (2, 1)), (3, (3, 1)), (5, (5, 1)), (6, (3, 2)), (10, (5, 2)), (20, (5, 4))]
)
def test_ratios_that_the_table_lacks(points, pair):
    assert stride_pair(32 * points, 32) == pair
    assert AxisPlan.of(32 * points, True, 32, True).tokens == 32
    assert AxisPlan.of(32 * points, False, 32, True).tokens == 33


@pytest.mark.parametrize("lengths", WORKED.items(), ids=str)
def test_paddings_and_tokens_of_the_published_lengths(lengths):
    (length, target), (ring, wall) = lengths
    periodic, closed = (AxisPlan.of(length, p, target, True) for p in (True, False))
    assert (periodic.before, periodic.after, periodic.tokens) == (ring, ring, target)
    assert (closed.before, closed.after, closed.tokens) == (wall, wall, target + 1)
    assert AxisPlan.of(length, False, target, False).tokens == target


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("jitter", [True, False])
@pytest.mark.parametrize("target", [4, 16, 32])
def test_any_length_is_covered_exactly(periodic, jitter, target):
    for length in [*range(1, 200), 997, 1031, 2048, 4099]:
        axis = AxisPlan.of(length, periodic, target, jitter)
        s1, s2 = axis.stride
        between = (axis.length + axis.before + axis.after - 8) / s1 + 1 if axis.live else 1
        assert not axis.live or (between - 4) / s2 + 1 == axis.tokens  # both convolutions come out even
        assert min(axis.before, axis.after) >= 0 and axis.reach_of_shift <= max(axis.before, length // 2)
        if target <= length <= 32 * target:
            assert target / 1.5 <= axis.tokens <= 1.5 * target + 1


def test_singletons_do_not_count_as_dimensions():
    assert token_grid(plan_grid((64, 1, 64), (True, True, True), (32, 32, 16), True)) == (32, 1, 32)
    assert token_grid(plan_grid((64, 2, 64), (True, True, True), (32, 32, 16), True)) == (16, 2, 16)
    assert token_grid(plan_grid((1, 1, 64), (True, True, True), (8, 32, 16), True)) == (1, 1, 8)


def test_a_ring_goes_round_as_often_as_needed():
    assert around(3, 4, 2, torch.device("cpu")).tolist() == [2, 0, 1, 2, 0, 1, 2, 0, 1]


@pytest.mark.parametrize("space", [(17, 1, 32), (32, 20, 1), (13, 12, 8), (2, 3, 5)], ids=str)
@pytest.mark.parametrize("periodic", [(True, True, True), (False, False, False), (True, False, True)])
def test_jitter_is_undone_bit_by_bit(space, periodic, generator):
    grid = plan_grid(space, periodic, (8, 8, 4), True)
    x = torch.randn(2, 3, *space, generator=generator)
    for _ in range(5):
        draws = Draws.of(generator, grid, 1, 0.0, 1)
        padded = place(x, grid, draws.shifts)
        assert padded.shape[2:] == tuple(a.length + a.before + a.after for a in grid)
        assert torch.equal(take_back(padded, grid, draws.shifts), x)


def test_shifts_are_uniform_within_their_reach(generator):
    grid = plan_grid((32, 128, 1), (True, False, False), (8, 32, 4), True)
    shifts = torch.tensor([Draws.of(generator, grid, 1, 0.0, 1).shifts for _ in range(3000)])
    assert [len(column.unique()) for column in shifts.T] == [2 * axis.reach_of_shift + 1 for axis in grid[:2]] + [1]
    assert shifts.double().mean(0).abs().max() < 0.6


def test_the_same_seed_draws_the_same():
    grid = plan_grid((64, 64, 1), (True, True, True), (8, 8, 4), True)
    first, again = (Draws.of(torch.Generator().manual_seed(1), grid, 4, 0.2, 3) for _ in range(2))
    assert (first.shifts, first.rolls) == (again.shifts, again.rolls)
    assert torch.equal(first.keep, again.keep) and first.keep.shape == (4, 2, 3)
    assert (first.keep[0] == 1).all()
