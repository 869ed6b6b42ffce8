"""Signatures become command lines: lists of files, flags, and keyword-only parameters as options."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from foundation.cli import call


def gather(files: list[Path], *, out: Path, strict: bool = False, tile: int = 96) -> None:
    """Gather files.

    Args:
        files: what to gather.
        out: where to put it.

    Example:
        foundation gather a.fits b.fits --out here
    """
    calls.append((files, out, strict, tile))


def measure(names: Sequence[str] = (), *, out: Path | None = None) -> None:
    """Measure these, or everything."""
    calls.append((tuple(names), out))


def embed(checkpoint: Path, files: list[Path]) -> None:
    """Embed files with a checkpoint."""
    calls.append((checkpoint, files))


calls: list[tuple] = []


@pytest.fixture(autouse=True)
def fresh():
    calls.clear()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["a", "b", "--out", "d"], ([Path("a"), Path("b")], Path("d"), False, 96)),
        (["--out", "d", "a", "b"], ([Path("a"), Path("b")], Path("d"), False, 96)),
        (["a", "--out", "d", "--strict", "--tile", "8"], ([Path("a")], Path("d"), True, 8)),
        (["a", "--out", "d", "--strict", "false"], ([Path("a")], Path("d"), False, 96)),
    ],
)
def test_files_and_options_in_any_order(arguments, expected):
    call(gather, arguments, "foundation gather")
    assert calls == [expected]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [([], ((), None)), (["a", "b"], (("a", "b"), None)), (["a", "--out", "d"], (("a",), Path("d")))],
)
def test_a_list_that_may_be_left_out(arguments, expected):
    call(measure, arguments, "foundation measure")
    assert calls == [expected]


def test_one_existing_file_is_not_read_as_a_list_of_files(tmp_path):
    (tmp_path / "a.txt").write_text("other.fits\n")
    call(gather, [str(tmp_path / "a.txt"), "--out", "d"], "foundation gather")
    assert calls[0][0] == [tmp_path / "a.txt"]


def test_a_single_positional_before_the_list():
    call(embed, ["ckpt", "a", "b"], "foundation embed")
    assert calls == [(Path("ckpt"), [Path("a"), Path("b")])]


def test_options_from_yaml(tmp_path):
    (tmp_path / "c.yaml").write_text("out: d\ntile: 7\n")
    call(gather, ["--config", str(tmp_path / "c.yaml"), "a"], "foundation gather")
    assert calls == [([Path("a")], Path("d"), False, 7)]


@pytest.mark.parametrize(
    "arguments", [["--out", "d"], ["a"], ["a", "--out", "d", "--tiles", "3"], ["a", "--out", "d", "--tile", "x"]]
)
def test_what_is_missing_or_unknown_is_an_error(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        call(gather, arguments, "foundation gather")
    assert stop.value.code == 2
    assert "foundation gather" in capsys.readouterr().err
    assert calls == []


def test_help_keeps_the_example_on_its_own_line(capsys):
    with pytest.raises(SystemExit):
        call(gather, ["--help"], "foundation gather")
    out = capsys.readouterr().out
    assert "\n    foundation gather a.fits b.fits --out here\n" in out
    assert "what to gather" in out
    assert "Args:" not in out
