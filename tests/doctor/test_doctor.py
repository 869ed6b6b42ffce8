"""Doctor: what is broken is named with what to do about it, and the exit status says so."""

import multiprocessing
import os
import socket
import tempfile
from pathlib import Path

import pytest
import torch

from foundation.__main__ import main
from foundation.data.shards import TokenSample, TokenShards, write_tokens
from foundation.doctor import command, links, software
from foundation.doctor.finding import Finding, merged
from foundation.tokens import Space, Tokens

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
NAME = Space("name", "discrete", 100)


@pytest.fixture
def path(tmp_path):
    samples = (TokenSample(f"s{i}", Tokens.of_space(NAME, torch.tensor([i]))) for i in range(20))
    write_tokens(samples, tmp_path / "tokens", (NAME,), "h", samples_per_member=2)
    return tmp_path / "tokens"


@pytest.fixture
def alone(monkeypatch):
    """Without the two processes, each of which would import torch."""
    monkeypatch.setattr(command, "on_this_machine", lambda size: [Finding("links", "good", "not tried")])
    monkeypatch.setenv("COLUMNS", "300")


def test_a_sound_machine_has_status_zero_and_every_check_a_line(path, tmp_path, alone, capsys):
    out = tmp_path / "new" / "runs"
    assert main(["doctor", "--data", f"[{path}]", "--out", str(out), "--megabytes", "1", "--verify"]) == 0
    said = capsys.readouterr().out
    for word in ("Python", "torch", "lightning", "safetensors", "gloo", "20 samples; 10 of 10 members read", "MB/s"):
        assert word in said, word
    assert "every checksum agrees" in said and "bad" not in said
    assert out.is_dir() and not list(out.iterdir())


def test_a_broken_shard_is_bad_and_names_the_member(path, alone, capsys):
    name, member = TokenShards(path).manifest.members[3]
    content = bytearray((path / name).read_bytes())
    content[member.arrays.offset + 9] ^= 1
    (path / name).write_bytes(content)
    assert main(["doctor", "--data", f"[{path}]"]) == 1
    said = capsys.readouterr()
    assert "1 of 10 members cannot be read" in said.out and "member 3 is corrupt" in said.out
    assert "1 checks failed" in said.err


@pytest.mark.parametrize("harm", ["cut", "gone", "nothing"])
def test_data_that_cannot_be_opened_is_bad(path, alone, capsys, harm):
    shard = path / "shard-000000.tar"
    if harm == "cut":
        shard.write_bytes(shard.read_bytes()[:-99])
    else:
        (shard if harm == "gone" else path / "manifest.json").unlink()
    assert main(["doctor", "--data", f"[{path}]"]) == 1
    words = {"cut": "so it was cut", "gone": "is not there", "nothing": "there is no manifest.json"}
    assert words[harm] in capsys.readouterr().out


def as_nobody(arguments, results):
    if os.geteuid() == 0:
        os.setuid(65534)  # root may write anywhere
    results.put(main(arguments))


def test_a_directory_that_may_not_be_written_is_bad(alone, capfd):
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    with tempfile.TemporaryDirectory() as closed:  # pytest's own directories are closed to nobody
        Path(closed).chmod(0o555)
        arguments = ["doctor", "--out", closed, "--megabytes", "1"]
        process = context.Process(target=as_nobody, args=(arguments, results))
        process.start()
        process.join(60)
    assert results.get() == 1
    assert "Permission denied" in capfd.readouterr().out


def test_a_full_disk_is_bad(tmp_path, alone, monkeypatch, capsys):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1e6}))
    assert main(["doctor", "--out", str(tmp_path), "--megabytes", "1"]) == 1
    assert "Free some space" in capsys.readouterr().out


def test_an_old_or_missing_package_is_bad(alone, monkeypatch, capsys):
    wanted = ["torch>=99", "antigravity-ml>=1", "numpy>=2.0", "h5py>=99; extra == 'fields'"]
    monkeypatch.setattr(software, "requires", lambda _: wanted)
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "wanted >=99" in said and "pip install 'torch>=99'" in said
    assert "not installed" in said and "pip install 'antigravity-ml>=1'" in said and "h5py" not in said


def test_findings_of_ranks_are_told_once():
    same, other = Finding("torch", "good", "2.13"), Finding("torch", "good", "2.12")
    first = Finding("Python", "good", "3.11")
    assert merged([[first, same], [first, other], [first, same]]) == [(first, [0, 1, 2]), (same, [0, 2]), (other, [1])]


def rank_of(rank, port, results):
    os.environ.update(RANK=str(rank), WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    results.put(main(["doctor", "--megabytes", "1"]))


def test_under_torchrun_the_real_ranks_are_measured_and_one_speaks(monkeypatch, capfd):
    monkeypatch.setenv("COLUMNS", "300")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    ranks = [context.Process(target=rank_of, args=(r, port, results)) for r in range(2)]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join(60)
    assert [results.get(), results.get()] == [0, 0]
    said = capfd.readouterr().out
    assert said.count("links of 2 ranks, gloo") == 1 and "GB/s" in said and "all" in said


@pytest.mark.slow  # two processes import torch anew
def test_processes_are_started_where_torchrun_started_none():
    found = links.on_this_machine(1 << 20)
    assert [f.state for f in found] == ["good"] and "GB/s" in found[0].found
