"""Checkpoints in the background hold the moment of the call, come in order, and keep the one before if they fail."""

import threading

import pytest
import torch

from foundation.errors import FoundationError
from foundation.training import checkpoint as files
from foundation.training.background import BackgroundFile
from foundation.training.checkpoint import latest, read


@pytest.fixture
def held(monkeypatch):
    """An event that lets checkpoints be written once it is set."""
    go, save = threading.Event(), torch.save
    monkeypatch.setattr(files.torch, "save", lambda *args: (go.wait(60), save(*args)))
    yield go
    go.set()


def test_what_is_written_is_the_moment_of_the_call(tmp_path, held):
    weight, background, path = torch.arange(5.0), BackgroundFile(), tmp_path / "new" / "step=1.ckpt"
    background.save_checkpoint({"state": {"weight": weight, "steps": [weight, (weight, 3)]}}, path)
    weight.zero_()  # training goes on
    assert path.parent.exists() and not path.exists()
    held.set()
    background.teardown()
    found = read(path)["state"]
    assert all(torch.equal(x, torch.arange(5.0)) for x in (found["weight"], found["steps"][0], found["steps"][1][0]))
    assert found["steps"][1][1] == 3


def test_the_old_one_goes_only_when_the_new_one_is_whole(tmp_path, held):
    background = BackgroundFile()
    held.set()
    background.save_checkpoint({"step": 1}, tmp_path / "step=1.ckpt")
    background.teardown()
    held.clear()
    background.save_checkpoint({"step": 2}, tmp_path / "step=2.ckpt")
    background.remove_checkpoint(tmp_path / "step=1.ckpt")
    assert latest(tmp_path) == tmp_path / "step=1.ckpt"
    held.set()
    background.teardown()
    assert [path.name for path in tmp_path.iterdir()] == ["step=2.ckpt"]


@pytest.mark.parametrize("ask", ["save", "read", "end"])
def test_a_failed_one_is_told_at_the_next_occasion_and_keeps_the_one_before(tmp_path, monkeypatch, ask):
    background = BackgroundFile()
    background.save_checkpoint({"step": 1}, tmp_path / "step=1.ckpt")
    background.teardown()
    monkeypatch.setattr(files, "_bytes", lambda content: 10**18)  # more than any disk has
    background.save_checkpoint({"step": 2}, tmp_path / "step=2.ckpt")
    background.remove_checkpoint(tmp_path / "step=1.ckpt")
    occasions = {
        "save": lambda: background.save_checkpoint({"step": 3}, tmp_path / "step=3.ckpt"),
        "read": lambda: background.load_checkpoint(tmp_path / "step=1.ckpt"),
        "end": background.teardown,
    }
    with pytest.raises(FoundationError, match="the one before is intact"):
        occasions[ask]()
    assert [path.name for path in tmp_path.iterdir()] == ["step=1.ckpt"]
    background.teardown()  # told once


def test_a_run_leaves_the_same_files(token_shards, tmp_path, tiny_run, assert_same_run, unbroken):
    tiny_run(token_shards, tmp_path, save_in_background=True, keep_last=1)
    assert_same_run(tmp_path, unbroken)
    (kept,) = (tmp_path / "checkpoints").glob("step=*.ckpt")
    assert kept.name == "step=16.ckpt" and (tmp_path / "checkpoints" / "last.ckpt").resolve() == kept.resolve()
