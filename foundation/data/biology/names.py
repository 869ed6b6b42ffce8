"""Columns of short names, such as those of atoms, held as ASCII bytes so that shards keep them as arrays."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import UInt8

from foundation.errors import RecordError


def as_bytes(
    names: UInt8[np.ndarray, "n width"] | np.ndarray | Iterable[str], width: int, what: str
) -> UInt8[np.ndarray, "n {width}"]:
    """One row a name, padded with zeros; rows of bytes come back as they are.

    Raises:
        RecordError: a name that is longer or not ASCII, or rows of another width.
    """
    if isinstance(names, np.ndarray) and names.dtype == np.uint8:
        if names.ndim != 2 or names.shape[1] != width:
            raise RecordError(f"{what} has shape {names.shape}, wanted {width} bytes a row. Give the names as text.")
        return np.ascontiguousarray(names)
    text = list(map(str, names))
    if wrong := next((name for name in text if len(name) > width or not name.isascii()), None):
        raise RecordError(f"{what}: {wrong!r} is not ASCII or longer than {width} letters. Rename it.")
    return np.array(text, f"S{width}").view(np.uint8).reshape(len(text), width)


def as_text(rows: UInt8[np.ndarray, "n width"]) -> np.ndarray:
    """The names as an array of text [n]."""
    return np.ascontiguousarray(rows).view(f"S{rows.shape[1]}").ravel().astype(str)


def is_name(rows: UInt8[np.ndarray, "n width"], name: str) -> np.ndarray:
    """bool [n], the rows that hold this name."""
    return np.ascontiguousarray(rows).view(f"S{rows.shape[1]}").ravel() == name.encode()
