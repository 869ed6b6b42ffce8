"""The loss of anchored growth: cross-entropy of the symbols that rows predict."""

from typing import Literal

import torch
from jaxtyping import Float
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
    asked = torch.nonzero(batch.target >= 0).flatten()
    loss = torch.nn.functional.cross_entropy(logits[asked].float(), batch.target[asked], reduction="none")
    if average == "token":
        return loss.mean()
    sample = segment_of(batch.offsets, len(batch.ids))[asked]
    count = torch.bincount(sample, minlength=batch.samples).clamp(min=1)
    return (loss / count[sample]).sum() / len(sample.unique())
