"""Policies without chance, for the frozen encoder, for validation and for completion."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Generator, Tensor

from foundation.masking.policy import MaskingPolicy
from foundation.tokens import Tokens


@dataclass(frozen=True)
class AllGiven(MaskingPolicy):
    """Every token is given and none is asked: what the frozen encoder sees."""

    def __call__(self, tokens: Tokens, generator: Generator) -> Int[Tensor, "L"]:
        """0 for every token; nothing is drawn."""
        return torch.zeros(len(tokens), dtype=torch.long)

    def support(self, spaces: Sequence[str]) -> frozenset[tuple[str, str]]:
        """No pair: nothing is ever asked."""
        return frozenset()


@dataclass(frozen=True)
class Completion(MaskingPolicy):
    """Every token of the spaces called `asked` is asked at once; the rest, or the spaces called `given`, is given.

    Args:
        asked: names of the spaces to predict.
        given: names of the spaces to predict from; empty = all others.
    """

    asked: tuple[str, ...]
    given: tuple[str, ...] = ()

    def __call__(self, tokens: Tokens, generator: Generator) -> Int[Tensor, "L"]:
        """1 for asked, 0 for given and -1 for other tokens; nothing is drawn."""
        step = torch.tensor([self._step(s.name) for s in tokens.spaces])
        return step[tokens.space]

    def support(self, spaces: Sequence[str]) -> frozenset[tuple[str, str]]:
        """Each given space with each asked one."""
        step = {s: self._step(s) for s in spaces}
        return frozenset((g, a) for g in spaces for a in spaces if step[g] == 0 and step[a] == 1)

    def _step(self, name: str) -> int:
        if name in self.asked:
            return 1
        return 0 if not self.given or name in self.given else -1
