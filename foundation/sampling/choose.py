"""Choosing values from predicted distributions: temperature and its schedule, top-k, nucleus and allowed codes.

Chance comes in as numbers, not as a generator: each sample brings its own, so a sample's values do not depend on which
others share its batch.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from foundation.errors import FoundationError

FROZEN = 1e-9  # a temperature that leaves the most probable code alone, and still can be divided by


@dataclass(frozen=True)
class Choice:
    """How a value is chosen.

    Args:
        temperature: 1 = as predicted, 0 = the most probable code (the mean in a continuous space).
        top_k: keep this many most probable codes; 0 = all.
        top_p: keep the most probable codes that together hold this probability (nucleus, arXiv:1904.09751).
        cooling: how the temperature falls to `coldest` as more of a sample's asked tokens are known: not at all, in
            proportion to their share ("linear"), or fast at first, as the inverse root of 1 + 99 times the share
            ("onex", after 4M, arXiv:2312.06647).
        coldest: temperature at the end of the cooling.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    cooling: Literal["none", "linear", "onex"] = "none"
    coldest: float = 0.0

    def __post_init__(self) -> None:
        if not (self.temperature >= self.coldest >= 0 and self.top_k >= 0 and 0 < self.top_p <= 1):
            raise FoundationError(
                f"Choice: temperature {self.temperature}, coldest {self.coldest}, top_k {self.top_k}, top_p "
                f"{self.top_p}. Use temperature >= coldest >= 0, top_k >= 0 and 0 < top_p <= 1."
            )

    def temperature_at(self, known: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
        """float64 temperature where these shares of the asked tokens are known already."""
        known = known.double()
        left = {
            "none": torch.ones_like(known),
            "linear": 1 - known,
            "onex": ((1 + 99 * known) ** -0.5 - 0.1) / 0.9,
        }[self.cooling]
        return self.coldest + (self.temperature - self.coldest) * left

    def probabilities(
        self,
        logits: Float[Tensor, "n size"],
        allowed: Bool[Tensor, "#n size"] | None = None,
        known: Float[Tensor, "n"] | None = None,
    ) -> Float[Tensor, "n size"]:
        """float64 probabilities that a code is chosen, rows sum to 1; `logits` is left as it was.

        Args:
            allowed: codes that may be chosen, for all rows or for each.
            known: share of a row's sample that is known already, for the cooling; None = nothing.

        Raises:
            FoundationError: a row in which no code is allowed.
        """
        logits = logits.double()
        if allowed is not None:
            if not allowed.any(-1).all():
                raise FoundationError("Choice: no code is allowed for some token. Allow at least one for each.")
            logits = logits.masked_fill(~allowed, -torch.inf)
        if self.temperature == 0:
            return torch.nn.functional.one_hot(logits.argmax(-1), logits.shape[-1]).double()
        temperature = self.temperature_at(logits.new_zeros(len(logits)) if known is None else known)
        return self._nucleus((logits / temperature.clamp(min=FROZEN)[:, None]).softmax(-1))

    def codes(
        self,
        logits: Float[Tensor, "n size"],
        chance: Float[Tensor, "n"],
        allowed: Bool[Tensor, "#n size"] | None = None,
        known: Float[Tensor, "n"] | None = None,
    ) -> Int[Tensor, "n"]:
        """A code for each row, from one number in [0, 1) each, by the inverse of the cumulative distribution."""
        total = self.probabilities(logits, allowed, known).cumsum(-1)
        return torch.searchsorted(total, (chance.double() * total[:, -1])[:, None], right=True)[:, 0]

    def vectors(
        self,
        mean: Float[Tensor, "n size"],
        scale: Float[Tensor, "n size"],
        noise: Float[Tensor, "n size"],
        known: Float[Tensor, "n"] | None = None,
    ) -> Float[Tensor, "n size"]:
        """float32 Gaussian vectors from standard normal noise; top-k and nucleus have no meaning here."""
        temperature = self.temperature_at(torch.zeros(len(mean)) if known is None else known)[:, None]
        return (mean + temperature.to(mean.dtype) * scale * noise).float()

    def _nucleus(self, probability: Float[Tensor, "n size"]) -> Float[Tensor, "n size"]:
        if self.top_p == 1 and self.top_k in (0, probability.shape[-1]):
            return probability
        ordered, code = probability.sort(dim=-1, descending=True, stable=True)
        keep = ordered.cumsum(-1) - ordered < self.top_p  # those before it do not yet hold top_p
        if self.top_k:
            keep[:, self.top_k :] = False
        kept = torch.zeros_like(probability).scatter(-1, code, ordered * keep)
        return kept / kept.sum(-1, keepdim=True)
