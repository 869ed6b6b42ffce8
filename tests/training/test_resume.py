"""A run that was killed and resumed equals one that was never stopped: losses bit for bit, batches, curves, weights."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from foundation.config import OptimConfig
from foundation.errors import FoundationError
from foundation.training.checkpoint import read

CLOCKS = ("per_second", "data_wait", "peak_gib")  # the only columns that may differ


def batches(out):
    """The last record of each micro-batch; a resumed run does the steps after its checkpoint again."""
    rows = [json.loads(line) for line in (out / "batches.jsonl").read_text().splitlines()]
    by_step = {}
    for row in rows:
        earlier = by_step.setdefault(row["step"], row)
        assert earlier == row, f"step {row['step']} was done twice and differently"
    return [by_step[step] for step in sorted(by_step)]


def curves(out):
    with (out / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if v and not any(c in k for c in CLOCKS)} for row in rows]


def assert_same_run(one, other):
    assert batches(one) == batches(other)
    assert curves(one) == curves(other)
    weights, others = (load_file(out / "export" / "model.safetensors") for out in (one, other))
    assert weights.keys() == others.keys()
    assert all(torch.equal(weights[name], others[name]) for name in weights)


def test_curves_hold_each_step_once(unbroken):
    steps = [int(row["step"]) for row in curves(unbroken) if "train/loss" in row]
    assert steps == list(range(1, 25))
    assert [int(row["step"]) for row in curves(unbroken) if "validation/loss" in row] == [7, 14, 21]


@pytest.mark.parametrize("workers", [0, 2])
def test_killed_run_goes_on_as_if_it_had_not_been(workers, unbroken, token_shards, tiny_run, tmp_path):
    script = Path(__file__).with_name("to_be_killed.py")
    process = subprocess.Popen([sys.executable, script, str(token_shards), str(tmp_path), str(workers)])
    record = tmp_path / "batches.jsonl"
    give_up = time.monotonic() + 60
    while not record.exists() or record.read_text().count("\n") < 13:
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < give_up
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "export").exists()
    tiny_run(token_shards, tmp_path, workers=workers, resume="auto")
    assert_same_run(tmp_path, unbroken)


def fail():
    raise RuntimeError("struck by lightning")


@pytest.mark.parametrize(
    "options",
    [
        {"optim": OptimConfig(peak_rate=5e-3, ema_decay=0.9), "stop_at": 13},
        {"accumulate": 2, "stop_at": 8, "max_steps": 12},
        {"validate_every": 5, "stop_at": 11},  # a checkpoint and a validation at the same step
    ],
    ids=["average of weights", "accumulation", "validation at the checkpoint"],
)
def test_other_ways_to_train_resume_exactly_too(options, token_shards, tiny_run, tmp_path):
    stop_at = options.pop("stop_at")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for out in (whole, broken):
        out.mkdir()
    tiny_run(token_shards, whole, **options)
    with pytest.raises(RuntimeError, match="struck"):
        tiny_run(token_shards, broken, stop_at=stop_at, stop=fail, **options)
    tiny_run(token_shards, broken, resume="auto", **options)
    assert curves(whole) == curves(broken)
    weights, others = (load_file(out / "export" / "model.safetensors") for out in (whole, broken))
    assert all(torch.equal(weights[name], others[name]) for name in weights)


def test_sigterm_saves_the_step_and_says_how_to_go_on(unbroken, token_shards, tiny_run, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        tiny_run(token_shards, tmp_path, stop_at=13, stop=lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert stop.value.code == 143
    assert "--resume auto" in capsys.readouterr().err
    assert read(tmp_path / "checkpoints" / "last.ckpt")["global_step"] == 13
    tiny_run(token_shards, tmp_path, resume="auto")
    assert_same_run(tmp_path, unbroken)


def test_damaged_checkpoint_is_passed_over(unbroken, token_shards, tiny_run, tmp_path):
    with pytest.raises(RuntimeError, match="struck"):
        tiny_run(token_shards, tmp_path, stop_at=13, stop=fail)
    damaged = tmp_path / "checkpoints" / "step=10.ckpt"
    damaged.write_bytes(damaged.read_bytes()[:-1000])
    with pytest.warns(UserWarning, match="step=10.ckpt: damaged"):
        tiny_run(token_shards, tmp_path, resume="auto")
    assert_same_run(tmp_path, unbroken)


def test_existing_run_is_not_overwritten(unbroken, token_shards, tiny_run):
    before = (unbroken / "metrics.csv").read_bytes()
    with pytest.raises(FoundationError, match="--resume auto"):
        tiny_run(token_shards, unbroken)
    assert (unbroken / "metrics.csv").read_bytes() == before
