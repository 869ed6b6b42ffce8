"""Cheap steps whose results are many: computed again in the backward pass rather than kept."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch.utils.checkpoint import checkpoint

Result = TypeVar("Result")


def recomputed(function: Callable[..., Result], *arguments: object) -> Result:
    """function(*arguments), keeping the arguments alone for the backward pass; the function must not be random."""
    if not torch.is_grad_enabled():
        return function(*arguments)
    return checkpoint(function, *arguments, use_reentrant=False, preserve_rng_state=False)  # type: ignore[return-value]
