"""Whole files or none."""

import csv
import errno
import os

import pytest

from foundation.errors import FoundationError
from foundation.files import whole_directory, whole_file, write_table


def test_file_appears_only_when_complete(tmp_path):
    target = tmp_path / "deep" / "a.bin"
    with whole_file(target) as temporary:
        temporary.write_bytes(b"x" * 10)
        assert not target.exists()
    assert target.read_bytes() == b"x" * 10
    assert os.listdir(target.parent) == ["a.bin"]


@pytest.mark.parametrize("error", [RuntimeError("stop"), KeyboardInterrupt()])
def test_failure_leaves_the_old_file_and_nothing_else(tmp_path, error):
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    with pytest.raises(type(error)), whole_file(target) as temporary:
        temporary.write_bytes(b"half")
        raise error
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_a_table_reads_back_and_one_that_breaks_off_leaves_the_old(tmp_path):
    rows = [["a,b", 1, 0.5], ['say "no"', 2, "two\nlines"]]
    write_table(tmp_path / "t.csv", ("name", "number", "text"), rows)
    with (tmp_path / "t.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["name", "number", "text"], *([str(x) for x in row] for row in rows)]

    def breaking():
        yield ["c", 3, ""]
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_table(tmp_path / "t.csv", ("name", "number", "text"), breaking())
    assert 'say ""no""' in (tmp_path / "t.csv").read_text()
    assert os.listdir(tmp_path) == ["t.csv"]


def test_directory_is_replaced_only_when_complete(tmp_path):
    target = tmp_path / "set"
    for text in ("one", "two"):
        with whole_directory(target) as temporary:
            (temporary / "f").write_text(text)
    assert (target / "f").read_text() == "two"
    with pytest.raises(RuntimeError), whole_directory(target) as temporary:
        (temporary / "f").write_text("three")
        raise RuntimeError
    assert (target / "f").read_text() == "two"
    assert os.listdir(tmp_path) == ["set"]


def test_everybody_may_read_what_a_plain_file_would_let_them_read(tmp_path):
    old = os.umask(0o022)
    try:
        with whole_directory(tmp_path / "set") as temporary:
            (temporary / "inner").mkdir(0o700)
            (temporary / "inner" / "private").touch(0o600)
    finally:
        os.umask(old)
    modes = {p.name: p.stat().st_mode & 0o777 for p in (tmp_path / "set").rglob("*")}
    assert modes == {"inner": 0o755, "private": 0o644}


def test_full_disk_is_one_sentence(tmp_path):
    with pytest.raises(FoundationError, match=r"a\.bin: the disk is full"), whole_file(tmp_path / "a.bin"):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(PermissionError), whole_file(tmp_path / "a.bin"):
        raise PermissionError(errno.EACCES, "denied")
