"""Sequences asked letter by letter: outward from an anchor, from left to right, or in any order; the rest is given."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Int
from torch import Generator, Tensor

from foundation.errors import FoundationError
from foundation.masking.policy import NOTHING, MaskingPolicy
from foundation.tokens import Tokens

Outward = Literal["pairs", "interleaved"]


@dataclass(frozen=True)
class AnchoredOutward(MaskingPolicy):
    """The sequence grows to both sides of an anchor, the right side first (RNA-BAnG, arXiv:2502.21274).

    With "pairs", the paper's factorisation, the first letter on the right is asked alone and then one letter on each
    side at a time: two letters of a step do not know each other, so this is no complete chain rule. With "interleaved"
    the sides take turns, right, left, right, ..., and each letter knows all before it. Once one side has ended the
    other goes on alone.

    Args:
        space: name of the space of the sequence; its first axis orders the letters.
        factorisation: see above.
        anchor: letters up to this position lie to the left of the anchor; None = an anchor drawn uniformly among the
            places before, between and after the letters.
    """

    space: str
    factorisation: Outward = "pairs"
    anchor: float | None = 0.0

    def __post_init__(self) -> None:
        if self.factorisation not in get_args(Outward):
            raise FoundationError(f"AnchoredOutward: factorisation {self.factorisation!r}. {_choose(Outward)}")

    def __call__(self, tokens: Tokens, generator: Generator) -> Int[Tensor, "L"]:
        """0 for tokens of other spaces, else the step, counted from 1 without gaps."""
        letters = _in_order(tokens, self.space)
        if self.anchor is None:
            lefts = int(torch.randint(len(letters) + 1, (), generator=generator))
        else:
            lefts = int((tokens.position[letters, 0] <= self.anchor).sum())
        place = torch.arange(len(letters))
        left = place < lefts
        distance = torch.where(left, lefts - place, place - lefts + 1)
        _, step = torch.unique(outward_order(left, distance, self.factorisation), return_inverse=True)
        return _reveal(tokens, letters, step + 1)

    def support(self, spaces: Sequence[str]) -> frozenset[tuple[str, str]]:
        """The sequence from every space, itself included, and from nothing."""
        return _support(self.space, spaces)

    @property
    def stepwise(self) -> bool:
        """Always: a letter or two a step."""
        return True


@dataclass(frozen=True)
class LeftToRight(MaskingPolicy):
    """The letters of the space called `space` in the order of their first position, one a step."""

    space: str

    def __call__(self, tokens: Tokens, generator: Generator) -> Int[Tensor, "L"]:
        """0 for tokens of other spaces, else the rank from 1; nothing is drawn."""
        letters = _in_order(tokens, self.space)
        return _reveal(tokens, letters, torch.arange(1, len(letters) + 1))

    def support(self, spaces: Sequence[str]) -> frozenset[tuple[str, str]]:
        """The sequence from every space, itself included, and from nothing."""
        return _support(self.space, spaces)

    @property
    def stepwise(self) -> bool:
        """Always: a letter or two a step."""
        return True


@dataclass(frozen=True)
class AnyOrder(MaskingPolicy):
    """The letters of the space called `space` in an order drawn uniformly, one a step."""

    space: str

    def __call__(self, tokens: Tokens, generator: Generator) -> Int[Tensor, "L"]:
        """0 for tokens of other spaces, else a step from 1, each once."""
        letters = _in_order(tokens, self.space)
        return _reveal(tokens, letters, 1 + torch.randperm(len(letters), generator=generator))

    def support(self, spaces: Sequence[str]) -> frozenset[tuple[str, str]]:
        """The sequence from every space, itself included, and from nothing."""
        return _support(self.space, spaces)

    @property
    def stepwise(self) -> bool:
        """Always: a letter or two a step."""
        return True


def outward_order(left: Bool[Tensor, "#n"], distance: Int[Tensor, "n"], factorisation: str) -> Int[Tensor, "n"]:
    """Numbers that sort letters in the order in which they become known; letters of one number come together.

    Args:
        left: whether a letter lies to the left of the anchor.
        distance: 1 for the letters next to the anchor; 0 stands for the anchor itself, seen from either side.
        factorisation: "pairs" or "interleaved".
    """
    return distance + left if factorisation == "pairs" else 2 * distance + left


def _choose(kind: object) -> str:
    return f"Choose {' or '.join(get_args(kind))}."


def _in_order(tokens: Tokens, space: str) -> Int[Tensor, "n"]:
    """Indices of the letters, by their first position."""
    letters = tokens.of(space)
    if not len(letters):
        raise FoundationError(
            f"A sample has no token of {space!r}, only of {', '.join(tokens.names()) or 'nothing'}. "
            "Name the space of its sequence."
        )
    return letters[torch.argsort(tokens.position[letters, 0], stable=True)]


def _reveal(tokens: Tokens, letters: Int[Tensor, "n"], step: Int[Tensor, "n"]) -> Int[Tensor, "L"]:
    return torch.zeros(len(tokens), dtype=torch.long).index_put_((letters,), step)


def _support(space: str, spaces: Sequence[str]) -> frozenset[tuple[str, str]]:
    return frozenset((given, space) for given in (*spaces, NOTHING) if space in spaces)
