"""Checkpoints are whole or absent, hold no code, and say in a sentence what is wrong with them."""

import pickle
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from foundation.errors import FoundationError
from foundation.training.checkpoint import CheckpointFile, is_whole, latest, read, remove_leftovers


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "step=5.ckpt"
    CheckpointFile().save_checkpoint({"state_dict": {"weight": torch.arange(1000.0)}, "global_step": 5}, path)
    return path


def test_round_trip(checkpoint):
    content = CheckpointFile().load_checkpoint(checkpoint)
    assert content["global_step"] == 5
    assert torch.equal(content["state_dict"]["weight"], torch.arange(1000.0))


def test_failed_write_leaves_the_old_file(checkpoint):
    before = checkpoint.read_bytes()
    with pytest.raises((pickle.PicklingError, AttributeError)):
        CheckpointFile().save_checkpoint({"bad": lambda: None}, checkpoint)
    assert checkpoint.read_bytes() == before
    assert [p.name for p in checkpoint.parent.iterdir()] == [checkpoint.name]


def damage(path, how):
    content = bytearray(path.read_bytes())
    if how == "cut":
        content = content[: len(content) // 2]
    elif how == "empty":
        content = b""
    elif how == "flipped":
        place = content.index(torch.arange(400.0, 410.0).numpy().tobytes())
        content[place] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("how", ["cut", "empty"])
def test_damaged_file_is_named_with_a_remedy(checkpoint, how):
    damage(checkpoint, how)
    with pytest.raises(FoundationError, match=r"step=5\.ckpt: not a whole training checkpoint.*--resume auto"):
        read(checkpoint)


def test_missing_file_is_named():
    with pytest.raises(FoundationError, match=r"nowhere\.ckpt"):
        read(Path("nowhere.ckpt"))


class Payload:
    def __reduce__(self):
        return (print, ("this code must never run",))


def test_code_in_a_checkpoint_is_not_run(tmp_path, capsys):
    torch.save({"state_dict": Payload()}, tmp_path / "evil.ckpt")
    with pytest.raises(FoundationError, match=r"evil\.ckpt"):
        read(tmp_path / "evil.ckpt")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("how", ["cut", "empty", "flipped"])
def test_latest_passes_over_damage(checkpoint, how):
    newer = checkpoint.with_name("step=10.ckpt")
    newer.write_bytes(checkpoint.read_bytes())
    assert latest(checkpoint.parent) == newer  # by number: as text, "10" comes before "5"
    damage(newer, how)
    assert not is_whole(newer)
    with pytest.warns(UserWarning, match=r"step=10\.ckpt: damaged"):
        assert latest(checkpoint.parent) == checkpoint


def test_latest_of_nothing(tmp_path):
    assert latest(tmp_path / "absent") is None


def test_leftovers_of_a_killed_write_are_removed(checkpoint):
    leftover = checkpoint.with_name(".step=10.ckpt.x1y2")
    leftover.write_bytes(b"half")
    remove_leftovers(checkpoint.parent)
    assert [p.name for p in checkpoint.parent.iterdir()] == [checkpoint.name]


@pytest.fixture
def small_disk(tmp_path):
    """A directory with room for one mebibyte."""
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(tmp_path)], capture_output=True)
    if made.returncode:
        pytest.skip("mounting wants root")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


@pytest.mark.parametrize("numbers", [200_000, 300_000])  # too many for what is left, and for the whole disk
def test_a_full_disk_leaves_the_checkpoint_before(numbers, small_disk):
    before = small_disk / "step=5.ckpt"
    CheckpointFile().save_checkpoint({"weight": torch.arange(100_000.0), "global_step": 5}, before)
    with pytest.raises(FoundationError, match=rf"{small_disk}: a checkpoint needs {4 * numbers:,} bytes, .* are free"):
        CheckpointFile().save_checkpoint({"weight": torch.zeros(numbers)}, small_disk / "step=10.ckpt")
    assert [path.name for path in small_disk.iterdir()] == [before.name]
    assert latest(small_disk) == before and read(before)["global_step"] == 5


def test_a_disk_that_fills_up_while_writing_leaves_it_too(small_disk, monkeypatch):
    before = small_disk / "step=5.ckpt"
    CheckpointFile().save_checkpoint({"weight": torch.arange(100_000.0)}, before)
    usage = iter([SimpleNamespace(free=10**9), SimpleNamespace(free=0)])
    monkeypatch.setattr("foundation.training.checkpoint.shutil.disk_usage", lambda path: next(usage))
    with pytest.raises(FoundationError, match="a checkpoint needs 800,000 bytes"):
        CheckpointFile().save_checkpoint({"weight": torch.zeros(200_000)}, small_disk / "step=10.ckpt")
    assert [path.name for path in small_disk.iterdir()] == [before.name]
