"""Layouts of released checkpoints: what all of them have to be checked for, and how heads are turned."""

from collections.abc import Mapping

import torch
from jaxtyping import Int
from torch import Tensor

from foundation.errors import FoundationError


def check_tensors(tensors: Mapping[str, Tensor], wanted: Mapping[str, torch.Size], what: str) -> None:
    """Names and shapes: all that are wanted and none else.

    Raises:
        FoundationError: missing, extra or misshapen tensors, all of them listed.
    """
    missing, extra = sorted(wanted.keys() - tensors.keys()), sorted(tensors.keys() - wanted.keys())
    misshapen = [
        f"{n} {list(tensors[n].shape)} instead of {list(shape)}"
        for n, shape in wanted.items()
        if n in tensors and tensors[n].shape != shape
    ]
    if missing or extra or misshapen:
        raise FoundationError(
            f"{what} has {len(tensors)} tensors, wanted {len(wanted)}; missing: {', '.join(missing) or 'none'}; "
            f"left over: {', '.join(extra) or 'none'}; of another shape: {', '.join(misshapen) or 'none'}. "
            "Give a whole checkpoint of one model."
        )


def pair_order(dim: int, back: bool = False) -> Int[Tensor, "dim"]:
    """Components of a head rotated in adjacent pairs (2 i, 2 i + 1), in our order (i, i + dim / 2), or back."""
    order = torch.arange(dim).view(-1, 2).T.flatten()
    return torch.argsort(order) if back else order
