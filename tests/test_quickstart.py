"""The quickstart runs commands in order and stops at the first that fails."""

import subprocess
import sys

import pytest

from foundation.errors import FoundationError
from foundation.quickstart import quickstart


def test_steps_run_in_order_with_the_directory_filled_in(tmp_path, monkeypatch, capsys):
    seen, done = [], subprocess.CompletedProcess([], 0)
    monkeypatch.setattr(subprocess, "run", lambda arguments, check: seen.append(arguments) or done)
    quickstart(["simulate sky --out {out}/sky", "train --out '{out}/a b'"], tmp_path)
    typed = [["simulate", "sky", "--out", f"{tmp_path}/sky"], ["train", "--out", f"{tmp_path}/a b"]]
    assert seen == [[sys.executable, "-m", "foundation", *words] for words in typed]
    assert "done in" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["fly", "bench --no_such_option 1"])
def test_a_failing_step_stops_the_rest_and_names_itself(tmp_path, command):
    with pytest.raises(FoundationError, match=r"step 1 of 2 failed.*foundation " + command):
        quickstart([command, "--help"], tmp_path)


def test_the_report_is_named_at_the_end(tmp_path, capsys):
    (tmp_path / "report.html").write_text("x")
    quickstart(["--help"], tmp_path)
    assert str(tmp_path / "report.html") in capsys.readouterr().out
