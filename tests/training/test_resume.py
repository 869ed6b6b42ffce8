"""A run that was killed and resumed equals one that was never stopped: losses bit for bit, batches, curves, weights."""

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


def test_curves_hold_each_step_once(curves, unbroken):
    steps = [int(row["step"]) for row in curves(unbroken) if "train/loss" in row]
    assert steps == list(range(1, 17))
    assert [int(row["step"]) for row in curves(unbroken) if "validation/loss" in row] == [6, 12]


def start(token_shards, out, workers=0, devices=1, resume="new"):
    script = Path(__file__).with_name("to_be_killed.py")
    arguments = [str(a) for a in (script, token_shards, out, workers, devices, resume, 0)]
    return subprocess.Popen([sys.executable, *arguments], start_new_session=True)


def kill(process, out, steps):
    """SIGKILL to the process and all its children once this many steps are done."""
    record = out / "batches-0.jsonl"
    give_up = time.monotonic() + 100
    while not record.exists() or record.read_text().count("\n") < steps:
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < give_up
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (out / "export").exists()


@pytest.mark.parametrize("workers", [0, 2])
def test_killed_run_goes_on_as_if_it_had_not_been(assert_same_run, workers, unbroken, token_shards, tiny_run, tmp_path):
    kill(start(token_shards, tmp_path, workers), tmp_path, steps=10)
    tiny_run(token_shards, tmp_path, workers=workers, resume="auto")
    assert_same_run(tmp_path, unbroken)


@pytest.mark.slow
def test_killed_run_of_two_processes_goes_on_exactly(assert_same_run, batches, token_shards, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for out in (whole, broken):
        out.mkdir()
    assert start(token_shards, whole, devices=2).wait(timeout=200) == 0
    kill(start(token_shards, broken, devices=2), broken, steps=10)
    assert start(token_shards, broken, devices=2, resume="auto").wait(timeout=200) == 0
    assert_same_run(broken, whole)
    assert batches(broken, rank=1) == batches(whole, rank=1)
    assert batches(whole, rank=1) != batches(whole, rank=0)


def fail():
    raise RuntimeError("struck by lightning")


@pytest.mark.parametrize(
    "options",
    [
        {"optim": OptimConfig(peak_rate=5e-3, ema_decay=0.9), "stop_at": 10},
        {"optim": OptimConfig(peak_rate=5e-3, kind="muon"), "stop_at": 10},
        {"accumulate": 2, "stop_at": 6, "max_steps": 8},
        {"validate_every": 4, "stop_at": 9},  # a checkpoint and a validation at the same step
    ],
    ids=["average of weights", "muon", "accumulation", "validation at the checkpoint"],
)
def test_other_ways_to_train_resume_exactly_too(curves, options, token_shards, tiny_run, tmp_path):
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


def test_sigterm_saves_the_step_and_says_how_to_go_on(
    assert_same_run, unbroken, token_shards, tiny_run, tmp_path, capsys
):
    with pytest.raises(SystemExit) as stop:
        tiny_run(token_shards, tmp_path, stop_at=10, stop=lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert stop.value.code == 143
    assert "--resume auto" in capsys.readouterr().err
    assert read(tmp_path / "checkpoints" / "last.ckpt")["global_step"] == 10
    tiny_run(token_shards, tmp_path, resume="auto")
    assert_same_run(tmp_path, unbroken)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_validation_that_the_stop_came_before_is_made_up_for(
    assert_same_run, workers, unbroken, token_shards, tiny_run, tmp_path
):
    """Step 6 is validated after: its checkpoint is whole when SIGTERM strikes, its validation is not."""
    stop = {"stop_at": 6, "stop": lambda: os.kill(os.getpid(), signal.SIGTERM)}
    with pytest.raises(SystemExit):
        tiny_run(token_shards, tmp_path, workers=workers, **stop)
    tiny_run(token_shards, tmp_path, workers=workers, resume="auto")
    assert_same_run(tmp_path, unbroken)


def test_damaged_checkpoint_is_passed_over(assert_same_run, unbroken, token_shards, tiny_run, tmp_path):
    with pytest.raises(RuntimeError, match="struck"):
        tiny_run(token_shards, tmp_path, stop_at=10, stop=fail)
    damaged = tmp_path / "checkpoints" / "step=8.ckpt"
    damaged.write_bytes(damaged.read_bytes()[:-1000])
    with pytest.warns(UserWarning, match="step=8.ckpt: damaged"):
        tiny_run(token_shards, tmp_path, resume="auto")
    assert_same_run(tmp_path, unbroken)


def test_existing_run_is_not_overwritten(unbroken, token_shards, tiny_run):
    before = (unbroken / "metrics.csv").read_bytes()
    with pytest.raises(FoundationError, match="--resume auto"):
        tiny_run(token_shards, unbroken)
    assert (unbroken / "metrics.csv").read_bytes() == before
