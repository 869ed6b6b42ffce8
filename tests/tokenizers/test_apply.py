"""Applying tokenizers: the same bytes from any number of processes, whatever was killed in between."""

import multiprocessing
import os
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from foundation.data.manifest import ShardError
from foundation.data.parts import portions
from foundation.data.records import Sample, Scalar
from foundation.data.shards import TokenShards, write_records
from foundation.errors import FoundationError
from foundation.tokenizers import apply as verb
from foundation.tokenizers.apply import apply
from foundation.tokenizers.bundle import TokenizerBundle
from foundation.tokenizers.scalar import ScalarConfig, ScalarTokenizer

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
OPTIONS = {"batch": 3, "samples_per_shard": 8}


def scalars(*names):
    return TokenizerBundle({n: ScalarTokenizer(ScalarConfig(codes=16), n).fit([np.arange(7.0)]) for n in names})


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory):
    path = tmp_path_factory.mktemp("apply") / "tokenizers"
    scalars("flux_g").save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Eleven members of four samples; members 4 and 5 have nothing that a tokenizer knows, sample 1 neither."""
    path = tmp_path_factory.mktemp("apply") / "records"

    def sample(i):
        name = "mass" if i // 4 in (4, 5) or i == 1 else "flux_g"
        return Sample(f"s{i}", {name: Scalar(float(np.sqrt(i)), name, "nmgy")}, {"class": "STAR", "n": i})

    write_records(map(sample, range(43)), path, samples_per_member=4)
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory, records, tokenizers):
    """What one process makes without a stop."""
    out = tmp_path_factory.mktemp("whole") / "tokens"
    apply(records, tokenizers=tokenizers, out=out, **OPTIONS)
    return content(out)


def content(path):
    return {p.name: p.read_bytes() for p in path.iterdir()}


def one_rank(rank, world, port, action):
    os.environ.update(RANK=str(rank), WORLD_SIZE=str(world), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    action()


def on_ranks(world, action):
    """Exit codes of so many processes that find each other as torchrun's do."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("fork")
    ranks = [context.Process(target=one_rank, args=(r, world, port, action)) for r in range(world)]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join(120)
    return [rank.exitcode for rank in ranks]


def test_parts_hold_whole_members_in_order():
    assert portions([4] * 5, 8) == [range(0, 2), range(2, 4), range(4, 5)]
    assert portions([9, 1, 1], 2) == [range(0, 1), range(1, 3)]
    assert portions([3], 100) == [range(0, 1)]


def test_every_sample_is_there_in_order_and_nothing_else(whole, records, tokenizers, tmp_path):
    for name, bytes_ in whole.items():
        (tmp_path / name).write_bytes(bytes_)
    kept = [i for i in range(43) if i // 4 not in (4, 5) and i != 1]
    shards = TokenShards(tmp_path)
    assert [s.key for s in shards] == [f"s{i}" for i in kept] and [s.labels["n"] for s in shards] == kept
    assert shards.manifest.labels == {"class": {"type": "str", "count": 34}, "n": {"type": "int", "count": 34}}
    assert shards.manifest.statistics == {"flux_g": {"count": 34, "fraction": 1.0, "tokens": 34}}
    shards.verify()
    assert [n for n in sorted(whole) if n.endswith(".tar")] == [f"shard-00000{i}.tar" for i in (0, 1, 3, 4, 5)]
    assert set(whole) - {f"shard-00000{i}.tar" for i in range(6)} == {"manifest.json", "made_of.json"}


@pytest.mark.parametrize("world", [2, 3])
def test_several_processes_write_the_same_bytes_as_one(whole, records, tokenizers, tmp_path, capfd, world):
    ended = on_ranks(world, lambda: apply(records, tokenizers=tokenizers, out=tmp_path / "out", **OPTIONS))
    assert ended == [0] * world
    assert content(tmp_path / "out") == whole
    said = capfd.readouterr().err
    assert said.count("6/6 in") == 1 and said.count("left out 9 samples") == 1  # one rank speaks for all
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_rank_that_dies_ends_the_others_and_the_rest_goes_on(whole, records, tokenizers, tmp_path, monkeypatch):
    write = verb._Work.write
    monkeypatch.setattr(verb._Work, "write", lambda self, n: os._exit(9) if n == 3 else write(self, n))

    def survive():
        with pytest.raises(FoundationError, match="Another process of this job has died"):
            apply(records, tokenizers=tokenizers, out=tmp_path / "out", **OPTIONS)

    assert on_ranks(2, survive) == [0, 9]
    monkeypatch.setattr(verb._Work, "write", write)
    on_ranks(3, lambda: apply(records, tokenizers=tokenizers, out=tmp_path / "out", **OPTIONS))
    assert content(tmp_path / "out") == whole


def test_the_first_rank_may_be_the_last_to_finish(whole, records, tokenizers, tmp_path, monkeypatch):
    write = verb._Work.write
    delay = {"0": 0.5, "1": 0.0}  # seconds for each part, by rank
    monkeypatch.setattr(verb._Work, "write", lambda *part: (time.sleep(delay[os.environ["RANK"]]), write(*part)))
    ended = on_ranks(2, lambda: apply(records, tokenizers=tokenizers, out=tmp_path / "out", **OPTIONS))
    assert ended == [0, 0]
    assert content(tmp_path / "out") == whole


@pytest.mark.slow  # every process imports torch anew
def test_under_torchrun(whole, records, tokenizers, tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    verb = ["-m", "foundation", "tokenize", "apply", records, "--tokenizers", tokenizers, "--out", tmp_path / "out"]
    options = ["--batch", "3", "--samples_per_shard", "8"]
    ended = subprocess.run([*command, *map(str, verb), *options], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert content(tmp_path / "out") == whole
    (tmp_path / "out" / "manifest.json").unlink()
    ended = subprocess.run([*command, *map(str, verb), *options], capture_output=True, text=True, timeout=120)
    assert ended.returncode != 0 and "the directory holds other files" in ended.stderr


@pytest.mark.parametrize("stop", [0, 1, 3, 5])
def test_what_was_stopped_goes_on_with_what_is_missing(whole, records, tokenizers, tmp_path, monkeypatch, stop):
    out, write, written = tmp_path / "out", verb._Work.write, []

    def until(self, number):
        if len(written) == stop:
            raise KeyboardInterrupt
        written.append(number)
        write(self, number)

    monkeypatch.setattr(verb._Work, "write", until)
    with pytest.raises(KeyboardInterrupt):
        apply(records, tokenizers=tokenizers, out=out, **OPTIONS)
    assert not out.exists()
    monkeypatch.setattr(verb._Work, "write", lambda self, number: (written.append(number), write(self, number)))
    apply(records, tokenizers=tokenizers, out=out, **OPTIONS)
    assert sorted(written) == list(range(6)) and content(out) == whole


def test_a_finished_data_set_is_left_alone(records, tokenizers, tmp_path, capsys):
    apply(records, tokenizers=tokenizers, out=tmp_path / "out", **OPTIONS)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").iterdir()}
    capsys.readouterr()
    apply(records, tokenizers=tokenizers, out=tmp_path / "out", **OPTIONS)
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "out").iterdir()} == before
    assert "already made of these records and tokenizers" in capsys.readouterr().err


def test_parts_of_other_tokenizers_are_not_mixed_in(whole, records, tokenizers, tmp_path, capsys):
    other = tmp_path / "other"
    scalars("flux_g", "mass").save_pretrained(other)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verb._Work, "finish", lambda self: None)
        apply(records, tokenizers=other, out=tmp_path / "out", **OPTIONS)
    assert not (tmp_path / "out").exists()
    apply(records, tokenizers=tokenizers, out=tmp_path / "out", **OPTIONS)
    assert content(tmp_path / "out") == whole
    assert "removing parts made of something else" in capsys.readouterr().err


def test_other_files_are_not_lost_and_nothing_is_an_error(records, tokenizers, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(ShardError, match=r"mine: the directory holds other files"):
        apply(records, tokenizers=tokenizers, out=tmp_path / "mine")
    write_records([Sample("a", {"mass": Scalar(1.0, "mass")})], tmp_path / "none")
    with pytest.raises(FoundationError, match="nothing in the records has a tokenizer"):
        apply(tmp_path / "none", tokenizers=tokenizers, out=tmp_path / "out")
    with pytest.raises(FoundationError, match="samples_per_shard 0; give numbers of at least 1"):
        apply(records, tokenizers=tokenizers, out=tmp_path / "out", samples_per_shard=0)
