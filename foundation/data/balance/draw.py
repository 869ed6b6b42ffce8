"""draw: which data set each slot of a step gets, with the marginals exactly as wanted."""

import numpy as np
from jaxtyping import Float, Int

from foundation.errors import FoundationError


def independent(
    shares: Float[np.ndarray, "sets"], slots: int, steps: int, rng: np.random.Generator
) -> Int[np.ndarray, "steps slots"]:
    """Every slot by itself, as a sampler with replacement does."""
    return np.searchsorted(_edges(shares), rng.random((steps, slots)), side="right")


def systematic(
    shares: Float[np.ndarray, "sets"], slots: int, steps: int, rng: np.random.Generator
) -> Int[np.ndarray, "steps slots"]:
    """Evenly spaced points with one random offset a step: each set gets floor or ceil of slots x share in every step.

    The offsets of the steps are themselves one from each of `steps` equal strata, in random order, so that over all
    of them a set gets its share to within one slot. Each offset alone is uniform, hence the marginals are exact.
    Madow & Madow 1944, Ann. Math. Statist. 15, 1.
    """
    order = rng.permutation(len(shares))
    offset = (rng.permutation(steps) + rng.random()) / steps
    points = (np.arange(slots) + offset[:, None]) / slots
    return rng.permuted(order[np.searchsorted(_edges(shares[order]), points, side="right")], axis=1)


def normalised(shares: Float[np.ndarray, "sets"]) -> Float[np.ndarray, "sets"]:
    """Shares that add to 1.

    Raises:
        FoundationError: no share, or one that is not positive.
    """
    if len(shares) == 0 or not (np.isfinite(shares).all() and (shares > 0).all()):
        raise FoundationError(f"Shares of a mix must be positive, got {shares.tolist()}. Leave out what has no share.")
    return shares / shares.sum()


def _edges(shares: Float[np.ndarray, "sets"]) -> Float[np.ndarray, "sets"]:
    edges = np.cumsum(shares)
    edges[-1] = 1.0  # rounding must not leave a point without a set
    return edges
