"""The mix of data sets: what is read follows the seed, who reads it the costs, and a resumed run reads on."""

from itertools import islice

import numpy as np
import pytest
import torch

from foundation.data.balance.world import World
from foundation.data.fields.batch import FieldBatch
from foundation.data.fields.loader import FieldLoader
from foundation.data.fields.mix import FieldCheck, FieldMix, Source
from foundation.data.fields.windows import FieldWindows
from foundation.data.fields.writer import write_well
from foundation.errors import FoundationError


@pytest.fixture
def sources(tmp_path, make_field):
    found = []
    for name, axes, together, cost in (("plane", 2, 2, 1.0), ("solid", 3, 1, 3.0)):
        write_well([make_field(axes, frames=40, seed=s) for s in range(3)], tmp_path / f"{name}.hdf5")
        windows = FieldWindows(tmp_path / f"{name}.hdf5", 4, (1, 2))
        found.append(Source(name, windows, together, 1.0, cost))
    return found


def read(batch):
    return batch.dataset, batch.draw, batch.values.numpy().tobytes()


def test_a_batch_has_three_axes_and_closes_the_missing_ones(make_field):
    batch = FieldBatch.of([make_field(2, seed=s) for s in range(2)], "plane")
    assert batch.values.shape == (2, 9, 8, 6, 5, 1) and batch.valid.shape == (2, 6, 5, 1)
    assert batch.boundary.tolist() == [[[2, 2], [0, 1], [2, 2]]] * 2
    assert batch.varies.tolist() == [True] * 7 + [False]
    np.testing.assert_array_equal(batch.values[1, ..., 0], make_field(2, seed=1).values)


def test_windows_of_two_kinds_are_no_batch(make_field):
    with pytest.raises(FoundationError, match="Make a data set of each kind"):
        FieldBatch.of([make_field(2), make_field(3)], "both")


def test_a_micro_batch_is_a_function_of_its_number(sources):
    world = World(2, 1, 2)
    mixes = [FieldMix(sources, world, rank=1, seed=5) for _ in range(2)]
    forward = [read(mixes[0][i]) for i in range(6)]
    assert forward == [read(mixes[1][i]) for i in reversed(range(6))][::-1]
    assert forward != [read(FieldMix(sources, world, rank=1, seed=6)[i]) for i in range(6)]


def test_ranks_read_different_windows_and_every_set_its_share(sources):
    mixes = [FieldMix(sources, World(2, 1, 2), rank) for rank in range(2)]
    steps = [[read(m[2 * step + micro]) for m in mixes for micro in range(2)] for step in range(8)]
    assert all(len({window for *_, window in step}) == 4 for step in steps)
    assert all(sorted(name for name, *_ in step) == ["plane", "plane", "solid", "solid"] for step in steps)
    draws = [draw for step in steps for _, draw, _ in step]
    assert len(set(draws)) == len(draws)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_resumed_loader_reads_on(sources, workers):
    whole = [read(b) for b in FieldLoader(FieldMix(sources, World(1)), 9, workers)]
    loader = FieldLoader(FieldMix(sources, World(1)), 9, workers)
    begun = [read(b) for b in islice(loader, 4)]
    resumed = FieldLoader(FieldMix(sources, World(1)), 9, workers)
    resumed.load_state_dict(loader.state_dict())
    assert begun + [read(b) for b in resumed] == whole
    assert len(whole) == len(loader) == 9


def test_another_number_of_ranks_reads_what_is_left(sources):
    """A set of so many micro-batches is read once by two ranks and the three that follow them, without one twice."""
    bundles = {s.name: s.bundles for s in sources}
    loaders = [FieldLoader(FieldMix(sources, World(2), rank), 20) for rank in range(2)]
    seen = [read(b)[::2] for loader in loaders for b in islice(loader, 10)]
    after = [FieldLoader(FieldMix(sources, World(3), rank), 40) for rank in range(3)]
    for loader in after:
        loader.load_state_dict(loaders[0].state_dict())
    for batches in zip(*after, strict=True):
        seen += [read(b)[::2] for b in batches]
        if len([name for name, _ in seen if name == "plane"]) >= bundles["plane"]:
            break
    planes = [content for name, content in seen if name == "plane"][: bundles["plane"]]
    assert len(planes) > 20 and len(set(planes)) == len(planes)


def test_revised_costs_change_who_reads_and_not_what(sources):
    usual, dear = ([FieldMix(sources, World(4, 1, 1), rank, seed=2) for rank in range(4)] for _ in range(2))
    for mix in dear:
        mix.costs.revise(3, np.array([50.0, 1.0]))
    steps = [[[m[i].values.numpy().tobytes() for m in mixes] for i in range(9)] for mixes in (usual, dear)]
    assert steps[0][:3] == steps[1][:3] and steps[0][3:] != steps[1][3:]
    assert [sorted(step) for step in steps[0]] == [sorted(step) for step in steps[1]]


@pytest.mark.parametrize("workers", [0, 1])
def test_readers_ahead_and_resumed_runs_know_the_costs_of_each_step(sources, workers):
    def begun():
        loader = FieldLoader(FieldMix(sources, World(2), 0, "sorted", 2), 9, workers)
        loader.mix.costs.revise(6, np.array([50.0, 1.0]))
        return loader

    expected = begun().mix
    whole, loader = [read(expected[i]) for i in range(9)], begun()
    first = [read(b) for b in islice(loader, 4)]
    resumed = FieldLoader(FieldMix(sources, World(2), 0, "sorted", 2), 9, workers)
    resumed.load_state_dict(loader.state_dict())
    assert first + [read(b) for b in resumed] == whole


@pytest.mark.parametrize("changed", [{"seed": 3}, {"policy": "random"}, {"world": World(1, 1, 2)}])
def test_a_position_of_another_run_is_refused(sources, changed):
    state = FieldLoader(FieldMix(sources, World(1)), 9).state_dict()
    other = FieldLoader(FieldMix(sources, **({"world": World(1)} | changed)), 9)
    with pytest.raises(FoundationError, match="the batches would differ"):
        other.load_state_dict(state)


def test_validation_windows_are_spread_and_dealt_in_turn(sources):
    sets = {s.name: s.windows for s in sources}
    whole = [read(b) for b in FieldCheck(sets, 5)]
    assert [name for name, *_ in whole] == ["plane"] * 5 + ["solid"] * 5
    dealt = [[read(b) for b in FieldCheck(sets, 5, rank, 2)] for rank in range(2)]
    assert [b for pair in zip(*dealt, strict=True) for b in pair] == whole


def test_a_set_with_too_few_windows_is_named(sources):
    short = Source("plane", sources[0].windows, 10_000, 1.0, 1.0)
    with pytest.raises(FoundationError, match=r"plane: \d+ windows, a micro-batch wants 10000"):
        FieldMix([short], World(1))


def test_a_batch_moves_whole(make_field):
    batch = FieldBatch.of([make_field(2)], "plane", 7).to("meta")
    assert {getattr(batch, n).device.type for n in ("values", "boundary", "varies", "valid")} == {"meta"}
    assert batch.draw == 7 and isinstance(batch.values, torch.Tensor)
