"""Lengths: bounds on how long a grown sequence may be, with a slope before the upper one instead of a cliff.

Cutting whatever has not ended at the longest length piles sequences up there, each broken off at any letter. Here,
from the length `soft` on, a symbol that would end its side with probability p ends it with p + (1 - p) / (j + 1), where
j letters are left until the longest length. For a model that never ends by itself (p = 0) and grows on one side, the
lengths are then uniform from `soft` to `most`; a model that does end mostly ends before.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from foundation.errors import FoundationError
from foundation.model.anchored.order import EOS

SLOPE = 0.2  # of the longest length, on which the slope lies if nothing else is said


@dataclass(frozen=True)
class Lengths:
    """How many letters a sequence has, both sides together.

    Args:
        least: the last open side does not end before.
        most: both sides end there at the latest.
        soft: where the slope begins; None = at 0.8 of `most`, but not below `least`.

    Raises:
        FoundationError: not 0 <= least <= soft <= most, or most = 0.
    """

    least: int = 1
    most: int = 100
    soft: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.least <= self.begin <= self.most or self.most == 0:
            raise FoundationError(
                f"Lengths: least {self.least}, soft {self.soft}, most {self.most}. "
                "Give 0 <= least <= soft <= most, and most at least 1."
            )

    @property
    def begin(self) -> int:
        """Length from which ends are made more probable."""
        return max(self.least, self.most - int(SLOPE * self.most)) if self.soft is None else self.soft

    def adjust(
        self, logits: Float[Tensor, "n choices"], length: Int[Tensor, "n"], last: Bool[Tensor, "n"]
    ) -> Float[Tensor, "n choices"]:
        """float64 logits with ends more probable near the longest length, and -inf for what the bounds exclude.

        Args:
            logits: of A, C, G, U and <eos>.
            length: letters so far.
            last: whether the other side has ended.
        """
        logits = logits.double().clone()
        letters = logits[:, :EOS].logsumexp(-1)
        left = (self.most - length).clamp(min=1).double()
        odds = (logits[:, EOS] - letters).exp()  # p / (1 - p), which becomes (odds + h) / (1 - h) with h = 1 / (j + 1)
        sloped = letters + torch.log((odds + 1 / (left + 1)) * (left + 1) / left)
        logits[:, EOS] = torch.where(length >= self.begin, sloped, logits[:, EOS])
        logits[:, EOS] = torch.where(last & (length < self.least), -torch.inf, logits[:, EOS])
        logits[:, :EOS] = torch.where((length >= self.most)[:, None], -torch.inf, logits[:, :EOS])
        return logits
