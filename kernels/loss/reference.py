"""The definition: all logits at once, any dtype, any device."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


def reference_linear_cross_entropy(
    states: Float[Tensor, "n width"], weight: Float[Tensor, "size width"], target: Int[Tensor, "n"]
) -> Float[Tensor, ""]:
    """Sum over rows of -log softmax(weight @ state)[target], in nats; logits in float32 or better."""
    logits = F.linear(states, weight)
    return F.cross_entropy(logits.to(torch.promote_types(logits.dtype, torch.float32)), target, reduction="sum")
