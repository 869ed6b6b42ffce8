"""Bins: quantiles of several quantities at once, from a stream of any length."""

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.reservoir import Reservoir

TOGETHER = 1024  # columns added to the reservoirs at once


def quantile_rows(
    batches: Iterable[Float[np.ndarray, "rows _"]], codes: int, reservoir: int, seed: int
) -> Float[Tensor, "rows codes"]:
    """`codes` quantiles at even probabilities of each row, float64 and ascending; `reservoir` values of each are kept.

    Raises:
        TokenizerError: there is no value.
    """
    reservoirs: list[Reservoir] = []
    for values in _together(batches):
        reservoirs = reservoirs or [Reservoir(reservoir, seed) for _ in values]
        for kept, row in zip(reservoirs, values, strict=True):
            kept.add(row)
    if not reservoirs or not all(r.seen for r in reservoirs):
        raise TokenizerError("there is no value to fit bins to. Leave this modality out, or add data.")
    even = np.linspace(0, 1, codes)
    return torch.from_numpy(np.stack([np.quantile(r.values(), even) for r in reservoirs]))


def fitted(table: Tensor, name: str) -> Tensor:
    """The table of bins, on the CPU.

    Raises:
        TokenizerError: it is not filled yet.
    """
    if bool(table.isnan().any()):
        raise TokenizerError(f"{name}: the bins are not fitted. Call fit, or `foundation tokenize train`.")
    return table.cpu()


def _together(batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    stream = iter(batches)
    while chunk := list(islice(stream, TOGETHER)):
        yield np.concatenate(chunk, 1)
