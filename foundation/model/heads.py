"""Heads: a distribution over the values of a space, for each state that asks for one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, Normal

from foundation.kernels.loss import linear_cross_entropy
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


class CodeHead(nn.Linear):
    """A linear map without bias to the logits of codes, or with targets to their loss, which never holds all logits.

    Both are calls of the module, so that engines that shard its table (ZeRO 3) gather it for either.
    """

    def __init__(self, width: int, size: int) -> None:
        super().__init__(width, size, bias=False)

    def forward(self, states: Float[Tensor, "n width"], target: Int[Tensor, "n"] | None = None) -> Tensor:
        """Logits [n, size]; given targets, the sum of their negative log-likelihoods [] in nats."""
        return super().forward(states) if target is None else linear_cross_entropy(states, self.weight, target)


class SpaceHeads(nn.Module):
    """One linear map without bias for each space: logits of its codes, or mean and log-scale of its vectors."""

    def __init__(self, spaces: Sequence[Space], width: int) -> None:
        super().__init__()
        self.spaces = {s.name: s for s in spaces}
        self.output = nn.ModuleDict({s.name: _head(s, width) for s in spaces})

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

    def loss(
        self, space: str, states: Float[Tensor, "n width"], value: Tensor, weight: Float[Tensor, "size"] | None = None
    ) -> Float[Tensor, ""]:
        """Sum over states of the negative log-likelihood of `value`, in nats; of a vector, the mean of its components.

        The mean keeps a wide vector from outweighing a code.

        Args:
            value: int64 [n] codes, or [n, size] vectors of a continuous space.
            weight: of each code, above 0, for spaces of few codes, whose logits are then held; None = all alike. What
                is learned of them are still the frequencies of the data: logits are moved by the logarithm of the
                weights for the loss alone, which undoes what weighing would do to them.
        """
        if not self.spaces[space].discrete:
            return -self(space, states).log_prob(value).mean(-1).sum()
        if weight is None:
            return self.output[space](states, value)
        logits = self.outputs(space, states)
        weight = weight.to(logits)
        return F.cross_entropy(logits + weight.log(), value, weight, reduction="sum")


def _head(space: Space, width: int) -> nn.Linear:
    return CodeHead(width, space.size) if space.discrete else nn.Linear(width, 2 * space.size, bias=False)
