"""Chance that belongs to a sample: a counter-based generator keyed by seed and number, whatever is drawn beside it."""

from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


def chances(seed: int, numbers: Iterable[int], symbols: int) -> Float[Tensor, "samples symbols 2"]:
    """float64 in [0, 1) for the k-th symbol on either side of each sample; the first k do not depend on `symbols`.

    Args:
        seed: of the request, 0 to 2^64 - 1.
        numbers: of the samples in the request.
        symbols: most that one side can have.
    """
    keys = (np.array([seed, number], dtype=np.uint64) for number in numbers)
    drawn = [np.random.Generator(np.random.Philox(key=key)).random((symbols, 2)) for key in keys]
    return torch.from_numpy(np.stack(drawn))
