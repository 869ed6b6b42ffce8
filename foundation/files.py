"""Whole files or none: everything is written under a temporary name beside its place and renamed when complete."""

import csv
import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from foundation.errors import FoundationError


@contextmanager
def whole_file(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path in the same directory; rename it to `path` on success, remove it on any failure.

    Raises:
        FoundationError: the disk is full.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        with full_disk_explained(path):
            yield temporary
            _flush(temporary)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_table(path: Path | str, columns: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a CSV file, whole or not at all: a line of names, then one for each row as it comes."""
    with whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(columns)
        table.writerows(rows)


@contextmanager
def whole_directory(path: Path | str) -> Iterator[Path]:
    """Yield a temporary directory beside `path`; rename it to `path` on success, remove it on any failure.

    An existing directory at `path` is replaced only after the new one is complete.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        with full_disk_explained(path):
            yield temporary
        put_directory(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def put_directory(made: Path, path: Path) -> None:
    """Rename a directory to `path`, on the same disk; one that is there is replaced."""
    _open_to_readers(made)
    if path.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{path.name}.old.", dir=path.parent))
        path.replace(old / path.name)
        made.replace(path)
        shutil.rmtree(old)
    else:
        made.replace(path)


@contextmanager
def full_disk_explained(path: Path) -> Iterator[None]:
    """Turn "no space left" into a sentence; other errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise FoundationError(
            f"{path}: the disk is full and nothing was left half-written. Free some space, or write elsewhere."
        ) from error


def sha256_of(path: Path) -> str:
    """Hex digest of a whole file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _open_to_readers(directory: Path) -> None:
    """The permissions that plain files get; safetensors and mkdtemp leave what they make to its owner alone."""
    mask = _umask()
    for path in (directory, *directory.rglob("*")):
        path.chmod((0o777 if path.is_dir() else 0o666) & ~mask)


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
