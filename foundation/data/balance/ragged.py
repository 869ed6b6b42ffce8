"""ragged: what batches of samples of unequal length cost on every rank, as the token loader packs them and naively."""

from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from foundation.data.balance.cost import CostModel
from foundation.data.packing import balanced

WINDOW, BUDGET = 512, 16384  # samples shuffled together, elements of a batch: the defaults of `foundation train`
ENCODER = CostModel(0.0, 1.0, 1 / (6 * 768))  # of width 768: pairs beside the linear maps of a token
Packing = Literal["counted", "balanced"]


def costs(packing: Packing, ranks: int, steps: int, seed: int = 0) -> Float[np.ndarray, "steps ranks"]:
    """Cost of each rank's batch in each step, in tokens.

    Args:
        packing: "balanced" is what the token loader does, "counted" is equally many samples to a batch.
        ranks: each with a stream of its own.
        steps: batches of each.
        seed: of the lengths.
    """
    rngs = (np.random.default_rng((seed, rank)) for rank in range(ranks))
    return np.stack([_stream(packing, steps, rng) for rng in rngs], axis=1)


def _stream(packing: Packing, steps: int, rng: np.random.Generator) -> Float[np.ndarray, "steps"]:
    found: list[float] = []
    while len(found) < steps:
        length = _lengths(rng)
        batches = balanced(length, BUDGET) if packing == "balanced" else _counted(length)
        found += ENCODER(np.array([(length[b].sum(), (length[b] ** 2).sum(), 0) for b in batches])).tolist()
    return np.array(found[:steps])


def _counted(length: Int[np.ndarray, "samples"]) -> list[list[int]]:
    """As many samples to a batch as fill it on average."""
    each = round(BUDGET / length.mean())
    return [list(range(first, first + each)) for first in range(0, len(length) - each + 1, each)]


def _lengths(rng: np.random.Generator) -> Int[np.ndarray, "samples"]:
    """Log-normal around 490 elements, 256 to 900, as objects with unlike sets of modalities have."""
    return np.clip(np.exp(rng.normal(6.2, 0.35, WINDOW)), 256, 900).astype(np.int64)
