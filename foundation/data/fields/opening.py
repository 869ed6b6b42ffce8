"""Opens one HDF5 file of The Well, so that whatever is wrong with it becomes one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from foundation.errors import FoundationError

Node = Any  # h5py's file, group or array: its types cannot say which one a name leads to
SIGNATURE = b"\x89HDF\r\n\x1a\n"
CHUNK_CACHE = 8 << 20  # bytes per array; neighbouring windows of a chunked file share chunks


class WellError(FoundationError):
    """A file that is not what The Well's layout says; the message names it, and says what to do."""


def is_hdf5(path: Path) -> bool:
    """Whether the file begins as HDF5 does."""
    with path.open("rb") as file:
        return file.read(len(SIGNATURE)) == SIGNATURE


def open_well(path: Path) -> Node:
    """The file, open for reading.

    Raises:
        WellError: there is none, it is no HDF5, it was cut short, or h5py is not installed.
    """
    try:
        from h5py import File
    except ImportError as error:
        raise WellError(f'{path}: HDF5 needs h5py. Type `pip install "foundation-science[fields]"`.') from error
    if not path.is_file():
        raise WellError(f"{path}: there is no such file. Check the path.")
    if not is_hdf5(path):
        raise WellError(f"{path}: is no HDF5 file. Give a file of The Well, which ends in .hdf5.")
    with explained(path):
        return File(path, "r", rdcc_nbytes=CHUNK_CACHE)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn h5py's complaints about damage, and parts that are not there, into a WellError."""
    try:
        yield
    except FoundationError:
        raise
    except OSError as error:
        reason = "cut short" if "truncated" in str(error) else f"damaged ({error})"
        raise WellError(f"{path}: is {reason}. Copy it again from its source.") from error
    except (KeyError, RuntimeError) as error:
        reason = str(error).strip("\"'")
        raise WellError(f"{path}: lacks a part of The Well's layout ({reason}). Write it again, or copy it.") from error
