"""The quickstart runs commands in order and stops at the first that fails."""

import subprocess
import sys

import pytest

from foundation.errors import FoundationError
from foundation.quickstart import quickstart


@pytest.fixture
def started(monkeypatch):
    """Words and threads of processes as they are started, and "wait" where one was waited for."""
    seen = []

    class Process(subprocess.Popen):
        def __init__(self, arguments, env):
            assert arguments[:3] == [sys.executable, "-m", "foundation"]
            self.words = arguments[3:]
            seen.append((self.words, env.get("OMP_NUM_THREADS")))

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def wait(self):
            seen.append("wait")
            return int(self.words == ["fly"])

    monkeypatch.setattr(subprocess, "Popen", Process)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("foundation.quickstart.processors", lambda: 5)
    return seen


def test_steps_run_in_order_with_the_directory_filled_in(tmp_path, started, capsys):
    quickstart(["simulate sky --out {out}/sky", "train --out '{out}/a b'"], tmp_path)
    first, second = ["simulate", "sky", "--out", f"{tmp_path}/sky"], ["train", "--out", f"{tmp_path}/a b"]
    assert started == [(first, None), "wait", (second, None), "wait"]
    assert "done in" in capsys.readouterr().out


def test_commands_of_a_list_run_side_by_side_and_share_the_processors(tmp_path, started, monkeypatch):
    quickstart(["one", ["two", "three"]], tmp_path)
    assert started == [(["one"], None), "wait", (["two"], "2"), (["three"], "2"), "wait", "wait"]
    started.clear()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    quickstart([["two", "three"]], tmp_path)
    assert [threads for _, threads in started[:2]] == ["1", "1"]


@pytest.mark.parametrize("both", [["fly", "find"], ["find", "fly"]])
def test_of_commands_side_by_side_the_one_that_failed_is_named_and_both_are_waited_for(tmp_path, started, both):
    with pytest.raises(FoundationError, match=r"step 1 of 2 failed.*foundation fly"):
        quickstart([both, "never"], tmp_path)
    assert [words for words, _ in started[:2]] == [[word] for word in both] and started[2:] == ["wait", "wait"]


@pytest.mark.parametrize("command", ["fly", "bench --no_such_option 1"])
def test_a_failing_step_stops_the_rest_and_names_itself(tmp_path, command):
    with pytest.raises(FoundationError, match=r"step 1 of 2 failed.*foundation " + command):
        quickstart([command, "--help"], tmp_path)


def test_the_report_is_named_at_the_end(tmp_path, capsys):
    (tmp_path / "report.html").write_text("x")
    quickstart(["--help"], tmp_path)
    assert str(tmp_path / "report.html") in capsys.readouterr().out
