"""Steps that are left out, losses that stand out, and the dump of a step that is done again."""

import csv
import math

import pytest
import torch

from foundation.config import OptimConfig
from foundation.data.inspect import inspect
from foundation.data.shards import TokenShards
from foundation.errors import FoundationError
from foundation.training.dump import plain, read_dump, restored

TOO_FAST = OptimConfig(peak_rate=1e20, warmup_fraction=0.0)


def column(out, name):
    with (out / "metrics.csv").open(newline="") as file:
        return [float(row[name]) for row in csv.DictReader(file) if row.get(name)]


@pytest.fixture(scope="module")
def exploded(token_shards, tiny_run, tmp_path_factory):
    """Directory of a run whose first step made weights so large that no gradient was finite after it."""
    out = tmp_path_factory.mktemp("exploded")
    with pytest.raises(FoundationError, match="not finite in 3 steps in a row"):
        tiny_run(token_shards, out, optim=TOO_FAST, accumulate=2)
    return out


def test_steps_without_a_finite_gradient_are_left_out_and_counted(exploded):
    norms = column(exploded, "train/gradient_norm")
    assert math.isfinite(norms[0]) and not any(map(math.isfinite, norms[1:]))
    assert column(exploded, "train/skipped")[-1] == len(norms) - 1


def test_the_samples_of_such_a_step_are_named(token_shards, tiny_run, tmp_path, capsys):
    with pytest.raises(FoundationError, match="foundation inspect"):
        tiny_run(token_shards, tmp_path, optim=TOO_FAST, patience=1)
    lines = [line for line in capsys.readouterr().err.splitlines() if "not finite" in line]
    named = lines[0].split("samples ")[1].split(" and ")[0].split(", ")
    assert lines[0].startswith("step 2, rank 0")
    assert set(named) <= {sample.key for sample in TokenShards(token_shards / "train")}


def test_the_dump_does_the_step_again(exploded, capsys):
    (dump,) = (exploded / "dump").iterdir()
    content, batches = read_dump(dump)
    assert len(batches) == 2
    assert content["global_step"] == int(dump.name.removeprefix("step="))
    inspect(dump)
    said = capsys.readouterr().out
    assert "2 micro-batches" in said
    assert "first output that is not finite: model." in said
    assert "gradients that are not finite: model." in said


def test_weights_of_a_step_left_out_stay(exploded):
    (dump,) = (exploded / "dump").iterdir()
    weights = read_dump(dump)[0]["state_dict"].values()
    assert all(w.isfinite().all() for w in weights)


def test_a_batch_survives_its_dump_and_nothing_else_is_made(exploded):
    (dump,) = (exploded / "dump").iterdir()
    batch = read_dump(dump)[1][0]
    again = restored(plain(batch))
    assert torch.equal(again.ids, batch.ids) and again.vectors.keys() == batch.vectors.keys()
    with pytest.raises(FoundationError, match="none of this package"):
        restored({"class": "subprocess:Popen", "parts": {}})


def test_a_spike_is_told_of(token_shards, tiny_run, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("foundation.training.guard.ENOUGH", 3)
    tiny_run(token_shards, tmp_path, spike=1e-6, optim=OptimConfig(peak_rate=1e-6))
    assert "has a loss of" in capsys.readouterr().err
