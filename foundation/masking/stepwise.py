"""Stepwise: what another policy asks at once, asked over several steps, of which each sees what came before."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Int
from torch import Generator, Tensor

from foundation.errors import FoundationError
from foundation.masking.policy import MaskingPolicy
from foundation.tokens import Tokens


@dataclass(frozen=True)
class Stepwise(MaskingPolicy):
    """Each asked token gets a step, drawn uniformly among at most `steps`, whose number is drawn for every sample.

    A model trained so reads, in its decoder if it has `decoder_values`, what was revealed on the way; generation then
    encodes what is given once for all steps (`Sampler.complete(..., cached=True)`).

    Args:
        policy: says what is given and what is asked, in one step.
        steps: most steps of a sample; the number is drawn uniformly from 1 to this many.
    """

    policy: MaskingPolicy
    steps: int = 8

    def __post_init__(self) -> None:
        if self.steps < 1 or self.policy.stepwise:
            raise FoundationError(
                f"Stepwise: {self.steps} steps of a {type(self.policy).__name__}. Give 1 or more, and a policy that "
                "asks in one step."
            )

    def __call__(self, tokens: Tokens, generator: Generator) -> Int[Tensor, "L"]:
        """0 for given, 1, 2, ... without gaps for asked and -1 for unused tokens."""
        reveal = self.policy(tokens, generator)
        asked = torch.nonzero(reveal > 0).flatten()
        most = int(torch.randint(1, self.steps + 1, (), generator=generator))
        drawn = torch.randint(most, (len(asked),), generator=generator)
        return reveal.index_put((asked,), 1 + torch.unique(drawn, return_inverse=True)[1])

    def after(self, samples: float) -> "Stepwise":
        """Of the policy as it is then."""
        return replace(self, policy=self.policy.after(samples))

    def support(self, spaces: Sequence[str]) -> frozenset[tuple[str, str]]:
        """Those of the other policy, and from every space that it asks to every other one, itself included."""
        pairs = self.policy.support(spaces)
        asked = {a for _, a in pairs}
        return pairs | {(b, a) for a in asked for b in asked} if self.steps > 1 else pairs

    @property
    def stepwise(self) -> bool:
        """With more than one step."""
        return self.steps > 1
