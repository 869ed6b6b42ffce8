"""Packing: which samples share a batch, so that batches are full, of equal size, and never above the budget.

Batches are documents laid end to end, so padding is 0 by construction; what is left to lose is room below the budget.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from foundation.data.balance.share import deal
from foundation.errors import FoundationError


def elements(reveals: Sequence[Int[Tensor, "_"]]) -> Int[np.ndarray, "N"]:
    """Elements that each sample takes in a batch: one for each token asked, one for each that a later step needs.

    Every sample has at least one token. The same count as `foundation.batch.pack` makes, without making it.
    """
    lengths = torch.tensor([len(r) for r in reveals])
    reveal = torch.cat(list(reveals))
    document = torch.repeat_interleave(torch.arange(len(reveals)), lengths)
    last = torch.zeros(len(reveals), dtype=torch.long).scatter_reduce(0, document, reveal, "amax", include_self=False)
    top = last[document]
    content = (reveal >= 0) & ((reveal < top) | (top == 0))
    return torch.bincount(document, content.double() + (reveal > 0)).long().numpy()


def balanced(sizes: Int[np.ndarray, "N"], budget: int) -> list[list[int]]:
    """Deal samples to the fewest batches that hold them, longest first, each to the emptiest batch.

    Returns:
        The sample indices of each batch, ascending; every sample once, no batch empty or above `budget`.

    Raises:
        FoundationError: one sample alone is larger than the budget.
    """
    _check_budget(sizes, budget)
    count = -(-int(sizes.sum()) // budget)
    while (batches := deal(sizes.astype(np.float64), count, sizes, budget)) is None:
        count += 1
    return batches


def consecutive(sizes: Int[np.ndarray, "N"], budget: int, multiple: int = 1) -> list[list[int]]:
    """Cut samples, in their order, into a number of batches that `multiple` ranks can share equally.

    Returns:
        As `balanced`, but the batches one after the other give 0, 1, ..., N - 1.

    Raises:
        FoundationError: a sample larger than the budget, or too few samples to give every rank a batch.
    """
    _check_budget(sizes, budget)
    count = multiple * -(-int(sizes.sum()) // (budget * multiple))
    while count <= len(sizes):
        batches = np.array_split(np.arange(len(sizes)), count)
        if max(int(sizes[b].sum()) for b in batches) <= budget:
            return [b.tolist() for b in batches]
        count += multiple
    raise FoundationError(
        f"{len(sizes)} samples cannot be cut into batches of at most {budget} elements for {multiple} ranks alike. "
        "Raise `--data.tokens_per_batch` or `--data.window`, or use fewer ranks."
    )


def _check_budget(sizes: Int[np.ndarray, "N"], budget: int) -> None:
    if len(sizes) and sizes.max() > budget:
        raise FoundationError(
            f"A sample takes {sizes.max()} elements, more than the {budget} of a batch. "
            f"Set `--data.tokens_per_batch {sizes.max()}` or more, or let the policy give and ask for fewer tokens."
        )
