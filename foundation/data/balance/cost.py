"""cost: the time of a micro-batch as a + b tokens + c pairs + d bytes, fitted so that outliers do not matter."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float, Num

from foundation.errors import FoundationError

PASSES = 20  # of reweighting; the weights settle in about ten
HUBER = 1.345  # residuals beyond this many sigmas count by their size only (95 % efficiency; Huber 1981)
MAD_TO_SIGMA = 1.4826  # a Gaussian's sigma over its median absolute deviation


@dataclass(frozen=True)
class CostModel:
    """Seconds of a micro-batch; all coefficients are at least 0.

    Args:
        base: seconds of any micro-batch.
        token: seconds per token.
        pair: seconds per visible pair of tokens.
        byte: seconds per byte that moves, for reading and stem.
        version: how often it was fitted; 0 = a guess before any measurement.
    """

    base: float = 0.0
    token: float = 1.0
    pair: float = 0.0
    byte: float = 0.0
    version: int = 0

    def __call__(self, work: Num[np.ndarray, "items 3"]) -> Float[np.ndarray, "items"]:
        """Seconds of items with so many (tokens, pairs, bytes)."""
        return self.base + np.asarray(work, dtype=np.float64) @ (self.token, self.pair, self.byte)


def fit(work: Num[np.ndarray, "n 3"], seconds: Float[np.ndarray, "n"], version: int = 1) -> CostModel:
    """The model with the smallest relative errors, robustly: Huber's weights, coefficients of at least 0.

    Args:
        work: (tokens, pairs, bytes) of the micro-batches measured.
        seconds: what they took; a stall of one of them moves nothing.
        version: of the result.

    Raises:
        FoundationError: nothing was measured, or a time is not positive.
    """
    if len(seconds) == 0 or not (np.isfinite(seconds).all() and (seconds > 0).all()):
        raise FoundationError(f"Costs need measured times above 0, got {len(seconds)}. Time some micro-batches first.")
    terms = np.column_stack([np.ones(len(seconds)), work])
    scale = np.where(terms.max(0) > 0, terms.max(0), 1.0)  # columns of like size, for the solver
    relative, weight = terms / scale / seconds[:, None], np.ones(len(seconds))
    found = _nonnegative(relative, weight)
    for _ in range(PASSES):
        residual = np.abs(relative @ found - 1)
        limit = max(HUBER * MAD_TO_SIGMA * float(np.median(residual)), 1e-9)
        found = _nonnegative(relative, np.minimum(1.0, limit / np.maximum(residual, limit * 1e-9)))
    return CostModel(*(found / scale).tolist(), version=version)


def _nonnegative(terms: Float[np.ndarray, "n k"], weight: Float[np.ndarray, "n"]) -> Float[np.ndarray, "k"]:
    """Weighted least squares of 1 on the terms with coefficients >= 0, by trying every set of terms."""
    root = np.sqrt(weight)
    best, least = np.zeros(terms.shape[1]), np.inf
    for kept in _subsets(terms.shape[1]):
        some = np.linalg.lstsq(root[:, None] * terms[:, kept], root, rcond=None)[0]
        error = float(np.sum((root * (terms[:, kept] @ some - 1)) ** 2))
        if (some >= 0).all() and error < least * (1 - 1e-9):  # the fewest terms that do as well
            best, least = np.zeros(terms.shape[1]), error
            best[kept] = some
    return best


def _subsets(count: int) -> list[list[int]]:
    return [list(kept) for size in range(1, count + 1) for kept in combinations(range(count), size)]
