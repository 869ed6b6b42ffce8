"""Mask bits of an instrument: read as they are stored, and named when a policy calls some of them bad."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike

from foundation.data.records import RecordError


def unsigned(bits: ArrayLike) -> np.ndarray:
    """The bits of a stored mask as uint32; FITS has signed integers only, so the highest bit comes as a sign.

    Raises:
        RecordError: not integers, or a bit above 31 is set.
    """
    stored = np.asarray(bits)
    if stored.dtype.kind not in "iu":
        raise RecordError(f"a mask of type {stored.dtype} has no bits. Give integers.")
    words = stored.astype(stored.dtype.newbyteorder("=")).view(f"u{stored.dtype.itemsize}")
    if words.size and int(words.max()) >= 1 << 32:
        raise RecordError(
            f"a mask with bit {int(words.max()).bit_length() - 1}, and 31 is the last kept. Read it apart."
        )
    return words.astype(np.uint32)


def word(bit_of: Mapping[str, int], names: Iterable[str]) -> np.uint32:
    """The word in which the bits of these names are set."""
    return np.uint32(sum(1 << bit_of[name] for name in names))
