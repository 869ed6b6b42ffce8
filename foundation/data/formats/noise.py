"""Inverse variances from what surveys store instead: errors, and values that stand for "no data"."""

import numpy as np
from numpy.typing import ArrayLike

from foundation.data.records import RecordError


def inverse_variance(flux: ArrayLike, sigma: ArrayLike, none_from: float = np.inf) -> np.ndarray:
    """1 / sigma^2 as float64, and 0 where sigma is not positive, not finite or at least `none_from`, or flux is not.

    Raises:
        RecordError: flux and sigma differ in shape.
    """
    value, error = np.asarray(flux, dtype=np.float64), np.asarray(sigma, dtype=np.float64)
    if value.shape != error.shape:
        raise RecordError(f"errors have shape {error.shape}, flux has {value.shape}. Give both on the same grid.")
    known = np.isfinite(value) & np.isfinite(error) & (error > 0) & (error < none_from)
    return np.where(known, 1 / np.square(np.where(known, error, 1)), 0)
