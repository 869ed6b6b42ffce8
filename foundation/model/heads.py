"""Heads: a distribution over the values of a space, for each state that asks for one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, Normal

from foundation.tokens import Space

LOG_SCALE = 7.0  # bound of the log of a Gaussian's width, so that a single outlier cannot make the loss infinite


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the model expects at some queries of one space.

    Args:
        rows: int64 [n], elements of the batch.
        distribution: Categorical with logits [n, size], or Normal with mean and scale [n, size].
    """

    rows: Int[Tensor, "n"]
    distribution: Distribution


class SpaceHeads(nn.Module):
    """One linear map without bias for each space: logits of its codes, or mean and log-scale of its vectors."""

    def __init__(self, spaces: Sequence[Space], width: int) -> None:
        super().__init__()
        self.spaces = {s.name: s for s in spaces}
        self.output = nn.ModuleDict(
            {s.name: nn.Linear(width, s.size if s.discrete else 2 * s.size, bias=False) for s in spaces}
        )

    def table(self, space: str) -> nn.Parameter:
        """[outputs, width] the linear map of a space."""
        return cast(nn.Parameter, self.output[space].weight)

    def outputs(self, space: str, states: Float[Tensor, "n width"]) -> Float[Tensor, "n outputs"]:
        """Logits, or means then log-scales; at least float32 whatever autocast does."""
        out = self.output[space](states)
        return out if out.dtype == torch.float64 else out.float()

    def forward(self, space: str, states: Float[Tensor, "n width"]) -> Distribution:
        """The distribution of the value at each state."""
        out = self.outputs(space, states)
        if self.spaces[space].discrete:
            return Categorical(logits=out, validate_args=False)
        mean, log_scale = out.chunk(2, -1)
        return Normal(mean, log_scale.clamp(-LOG_SCALE, LOG_SCALE).exp(), validate_args=False)
