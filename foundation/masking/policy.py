"""MaskingPolicy: one integer per token, the step at which it is revealed; everything else follows from that vector.

    reveal[i] =  0   given (context)
    reveal[i] =  k   predicted at step k >= 1; once predicted, later steps may see it
    reveal[i] = -1   takes no part in this sample

A policy is a frozen dataclass, pure in (tokens, generator). It sees one sample's flat tokens after tokenisation,
never raw arrays and never a batch, so it is tested without a model and composes with the others.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Int
from torch import Generator, Tensor

from foundation.errors import FoundationError
from foundation.tokens import Tokens

NOTHING = ""  # stands for the given space in a pair of `support` when a token is asked with nothing given


class MaskingPolicy(ABC):
    """Decides what is given, what is asked and in which order."""

    @abstractmethod
    def __call__(self, tokens: Tokens, generator: Generator) -> Int[Tensor, "L"]:
        """The reveal step of each token: the same tokens and generator state give the same answer."""

    @abstractmethod
    def support(self, spaces: Sequence[str]) -> frozenset[tuple[str, str]]:
        """The (given, asked) pairs of space names this policy can draw; the sampler refuses others.

        Asking with nothing given is the pair (NOTHING, asked).
        """

    @property
    def stepwise(self) -> bool:
        """Whether it ever asks in several steps, so that a model learns to read what was revealed on the way."""
        return False

    def after(self, samples: float) -> "MaskingPolicy":
        """The policy after so many samples of training, if it changes on the way to what it says; here it does not."""
        return self


@dataclass(frozen=True)
class Mixture(MaskingPolicy):
    """Draws one of several policies per sample, with probability proportional to its weight.

    One that asks nothing of a sample, since it lacks what would be asked, is passed over for another.
    """

    policies: tuple[MaskingPolicy, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        weights = self.weights
        if not weights or len(self.policies) != len(weights) or min(weights) < 0 or sum(weights) <= 0:
            raise FoundationError(
                f"Mixture: {len(self.policies)} policies with weights {weights}. Give one weight >= 0 each, not all 0."
            )

    def __call__(self, tokens: Tokens, generator: Generator) -> Int[Tensor, "L"]:
        """Reveal steps of the policy drawn for this sample."""
        weights = torch.tensor(self.weights, dtype=torch.float32)
        while True:
            choice = int(torch.multinomial(weights, 1, generator=generator))
            reveal = self.policies[choice](tokens, generator)
            weights[choice] = 0
            if (reveal > 0).any() or not weights.any():
                return reveal

    def after(self, samples: float) -> "Mixture":
        """Of the policies as they are then."""
        return replace(self, policies=tuple(p.after(samples) for p in self.policies))

    def support(self, spaces: Sequence[str]) -> frozenset[tuple[str, str]]:
        """Every pair that a policy of positive weight can draw."""
        drawn = [p.support(spaces) for p, w in zip(self.policies, self.weights, strict=True) if w > 0]
        return frozenset().union(*drawn)

    @property
    def stepwise(self) -> bool:
        """Whether a policy of positive weight is."""
        return any(p.stepwise for p, w in zip(self.policies, self.weights, strict=True) if w > 0)
