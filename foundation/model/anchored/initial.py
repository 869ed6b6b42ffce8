"""Initial weights as published for RNA-BAnG: truncated normal maps, whose variance is set by their inputs."""

import math

import torch
from torch import Tensor, nn

from foundation.model.anchored.block import FeedForward
from foundation.model.whole import whole

CUT = 2.0  # standard deviations
NARROWED = 0.8796256610342398  # deviation of a normal distribution cut at two of its own


@torch.no_grad()
def initialise(model: nn.Module) -> None:
    """Set all weights from torch's global generator; norms and point weights have theirs from construction."""
    for module in model.modules():
        with whole(module.parameters(recurse=False)):
            if isinstance(module, nn.Linear):
                _truncated(module.weight, module.in_features)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding):
                _truncated(module.weight, module.embedding_dim)
    for module in model.modules():
        if isinstance(module, FeedForward):
            with whole(module.parameters()):
                _truncated(module.into.weight, module.into.in_features / 2)
                nn.init.xavier_uniform_(module.out.weight)


def _truncated(weight: Tensor, inverse_variance: float) -> None:
    deviation = math.sqrt(1 / inverse_variance) / NARROWED
    nn.init.trunc_normal_(weight, std=deviation, a=-CUT * deviation, b=CUT * deviation)
