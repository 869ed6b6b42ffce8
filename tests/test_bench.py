"""Bench: the ratio is what the clock says, the loader benchmark compares like with like, and results are saved."""

import gc
import json
import time

import pytest
import torch

from foundation import bench as bench_module
from foundation.__main__ import main
from foundation.bench import BENCHMARKS, Row, bytes_compared, side_by_side
from foundation.data.benchmark import IMAGE, SPECTRUM, read_single, tokenised, write_single
from foundation.data.shards import TokenShards, write_tokens


def test_ratio_of_known_times():
    row = side_by_side("sleep", lambda: time.sleep(0.02), lambda: time.sleep(0.002), 10, "naps/s", turns=3)
    assert row.ratio == pytest.approx(row.b / row.a)
    assert 4 < row.ratio < 11 and row.a < 10 / 0.02
    assert 0.5 < row.noise < 2


def test_the_two_ways_take_turns():
    calls = []
    side_by_side("turns", lambda: calls.append("a"), lambda: calls.append("b"), 1, "1/s", turns=2)
    assert "".join(calls) == "ab" + "abba" * 2


def two_rows(threads=1):
    assert torch.get_num_threads() == threads
    return [Row("first", 1.0, 30.0, 30.0, "samples/s"), Row("second", 4.0, 2.0, 0.5, "bytes")]


def test_table_and_file(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(bench_module, "import_module", lambda _: type("M", (), {"two_rows": two_rows}))
    monkeypatch.setattr(bench_module, "BENCHMARKS", {"pair": "somewhere:two_rows", "other": "somewhere:missing"})
    assert main(["bench", "pair", "--out", str(tmp_path / "bench.json")]) == 0
    out = capsys.readouterr().out
    assert "first" in out and "30x" in out and "0.5x" in out
    saved = json.loads((tmp_path / "bench.json").read_text())
    assert [r["ratio"] for r in saved["rows"]["pair"]] == [30.0, 0.5] and set(saved["rows"]) == {"pair"}


def test_as_many_threads_as_asked(monkeypatch, tmp_path, capsys):
    before = torch.get_num_threads()
    monkeypatch.setattr(bench_module, "import_module", lambda _: type("M", (), {"rows": lambda: two_rows(before + 2)}))
    monkeypatch.setattr(bench_module, "BENCHMARKS", {"pair": "somewhere:rows"})
    assert main(["bench", "--threads", str(before + 2), "--out", str(tmp_path / "bench.json")]) == 0
    assert json.loads((tmp_path / "bench.json").read_text())["threads"] == before + 2
    assert torch.get_num_threads() == before
    assert main(["bench", "--threads", "0"]) != 0
    assert "Give 1 or more." in capsys.readouterr().err


def test_without_a_name_all_are_measured(monkeypatch, capsys):
    monkeypatch.setattr(bench_module, "import_module", lambda _: type("M", (), {"two_rows": two_rows}))
    monkeypatch.setattr(bench_module, "BENCHMARKS", {"pair": "somewhere:two_rows", "other": "somewhere:two_rows"})
    assert main(["bench"]) == 0
    assert capsys.readouterr().out.count("first") == 2


def test_the_peak_is_what_lives_at_the_same_time():
    def one_after_the_other():
        for _ in range(5):
            torch.ones(1000, 250)

    def at_once():
        return [torch.ones(1000, 250) for _ in range(5)]

    row = bytes_compared("ones", at_once, one_after_the_other)
    assert (row.a, row.b) == (5e6, 1e6) and row.ratio == 0.2


def test_unknown_benchmark(capsys):
    assert main(["bench", "luck"]) == 1
    assert f"no benchmark 'luck'; there are {', '.join(BENCHMARKS)}" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # webdataset leaves the last tar open
def test_both_layouts_give_the_same_tokens(tmp_path):
    samples = list(tokenised(5))
    write_single(samples, tmp_path / "single.tar")
    write_tokens(samples, tmp_path / "chunked", (IMAGE, SPECTRUM), "")
    pairs = list(zip(read_single(tmp_path / "single.tar"), TokenShards(tmp_path / "chunked"), strict=True))
    gc.collect()
    assert len(pairs) == 5
    for usual, ours in pairs:
        assert usual.key == ours.key and usual.labels == ours.labels
        for column in ("ids", "space", "position", "track"):
            assert torch.equal(getattr(usual.tokens, column), getattr(ours.tokens, column))
