"""The loss of anchored growth: cross-entropy of the symbols that rows predict."""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from foundation.kernels.attention.segments import segment_of
from foundation.model.anchored.batch import AnchoredBatch

Average = Literal["sequence", "token"]


def anchored_loss(
    logits: Float[Tensor, "T choices"], batch: AnchoredBatch, average: Average = "sequence"
) -> Float[Tensor, ""]:
    """Mean nats a symbol.

    Args:
        logits: of all rows, from the model.
        average: "sequence" = within each sequence and then over them, so that a short one counts as much as a long one,
            as published; "token" = over all symbols.
    """
    asked = _asked(batch)
    loss = torch.nn.functional.cross_entropy(logits[asked].float(), batch.target[asked], reduction="none")
    if average == "token":
        return loss.mean()
    sample = _sample(batch, asked)
    count = torch.bincount(sample, minlength=batch.samples).clamp(min=1)
    return (loss / count[sample]).sum() / len(sample.unique())


def averaged_over(batch: AnchoredBatch, average: Average) -> Int[Tensor, ""]:
    """How many sequences or symbols the loss is a mean of."""
    asked = _asked(batch)
    rows = asked if average == "token" else _sample(batch, asked).unique()
    return torch.tensor(len(rows), device=rows.device)


def _asked(batch: AnchoredBatch) -> Int[Tensor, "n"]:
    return torch.nonzero(batch.target >= 0).flatten()


def _sample(batch: AnchoredBatch, rows: Int[Tensor, "n"]) -> Int[Tensor, "n"]:
    return segment_of(batch.offsets, len(batch.ids))[rows]
