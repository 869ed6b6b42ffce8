"""Weights that may be dealt out over ranks: their shapes, and all of them while they are read or written."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


def whole_shape(parameter: Tensor) -> torch.Size:
    """The shape of a weight; that of one that DeepSpeed's ZeRO 3 dealt out says nothing."""
    return getattr(parameter, "ds_shape", parameter.shape)


@contextmanager
def whole(parameters: Iterable[nn.Parameter]) -> Iterator[None]:
    """Inside, weights that DeepSpeed's ZeRO 3 dealt out are whole; what rank 0 writes into them is dealt out again.

    All ranks must come here together, with the same weights. Weights that are not dealt out stay as they are.
    """
    dealt = [p for p in parameters if hasattr(p, "ds_id")]
    if not dealt:
        yield
        return
    from deepspeed import zero  # whoever deals weights out has it

    with zero.GatheredParameters(dealt, modifier_rank=0):
        yield
