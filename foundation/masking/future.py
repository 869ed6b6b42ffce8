"""The future from the past: tokens are revealed in the order of their times."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from foundation.errors import FoundationError
from foundation.masking.policy import MaskingPolicy
from foundation.tokens import Tokens

TIME = "time"  # name of the position axis


@dataclass(frozen=True)
class Future(MaskingPolicy):
    """The first `given` times are given, the k-th time after them is asked at step k; nothing is drawn.

    Tokens of spaces without an axis called "time" (parameters, constants) are given.

    Args:
        given: times to predict from; 0 predicts the first from what has no time.
        asked: times to predict; later ones take no part. 0 = all.
    """

    given: int
    asked: int = 0

    def __post_init__(self) -> None:
        if self.given < 0 or self.asked < 0:
            raise FoundationError(f"Future: given {self.given}, asked {self.asked}. Give numbers of times >= 0.")

    def __call__(self, tokens: Tokens, generator: Generator) -> Int[Tensor, "L"]:
        """0 for given tokens, the number of the frame after them for asked ones, -1 beyond.

        Raises:
            FoundationError: the sample has no time after the given ones.
        """
        time, timed = _times(tokens)
        moments, frame = torch.unique(time[timed], return_inverse=True)
        if len(moments) <= self.given:
            raise FoundationError(
                f"Future: a sample of {len(moments)} times, of which {self.given} are given, leaves nothing. "
                "Give fewer, or longer samples."
            )
        step = (frame - self.given + 1).clamp(min=0)
        reveal = torch.zeros(len(tokens), dtype=torch.long)
        reveal[timed] = torch.where(step > self.asked, -1, step) if self.asked else step
        return reveal

    def support(self, spaces: Sequence[str]) -> frozenset[tuple[str, str]]:
        """All ordered pairs, a space with itself included."""
        return frozenset((g, a) for g in spaces for a in spaces)

    @property
    def stepwise(self) -> bool:
        """If more than one time is asked."""
        return self.asked != 1


def _times(tokens: Tokens) -> tuple[Float[Tensor, "L"], Tensor]:
    """The time of each token, and whether its space has one (bool [L])."""
    column = torch.tensor([next((i for i, a in enumerate(s.axes) if a.name == TIME), -1) for s in tokens.spaces])
    at = column[tokens.space]
    return tokens.position.gather(1, at.clamp(min=0)[:, None])[:, 0], at >= 0
