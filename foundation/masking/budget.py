"""Budget masking: so many tokens given and so many asked, shared out over the spaces a sample has.

Spaces differ in size by three orders of magnitude (one token of a redshift, hundreds of an image), so drawing tokens
uniformly would hardly ever ask for a scalar or give a spectrum alone. The shares are therefore drawn over spaces.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
import torch
from jaxtyping import Int
from torch import Generator, Tensor

from foundation.errors import FoundationError
from foundation.masking.policy import NOTHING, MaskingPolicy
from foundation.tokens import Tokens

SMALLEST_WEIGHT = 1e-290  # gamma draws of a small concentration underflow to 0, which cannot be shared out


@dataclass(frozen=True)
class RandomBudget(MaskingPolicy):
    """Shares of both budgets drawn from a symmetric Dirichlet over the sample's spaces (4M, arXiv:2312.06647).

    A space that has fewer tokens than its share passes the rest on to the others, so no token is wasted while any
    space still has some. Given and asked tokens are disjoint; in a space that both want, a fair coin decides who is
    served first, because otherwise the larger budget would take every one-token space. A sample with fewer tokens
    than both budgets together has them shrunk in proportion, at least one given and one asked.

    Args:
        given: tokens given, or the least and the most of a uniform draw.
        asked: tokens asked.
        alpha: concentration; small = one or two spaces take most of a budget, large = all share alike.
        unconditional: probability of a sample in which nothing is given.
        never_given: names of spaces that are only ever asked.
        never_asked: names of spaces that are only ever given.
    """

    given: int | tuple[int, int] = 256
    asked: int = 128
    alpha: float = 0.2
    unconditional: float = 0.0
    never_given: tuple[str, ...] = ()
    never_asked: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        least, most = _bounds(self.given)
        if not 1 <= least <= most or self.asked < 1:
            raise FoundationError(
                f"RandomBudget: given {self.given}, asked {self.asked}. Use 1 or more of each, given [least, most]."
            )
        if self.alpha <= 0 or not 0 <= self.unconditional <= 1:
            raise FoundationError(
                f"RandomBudget: alpha {self.alpha}, unconditional {self.unconditional}. Use alpha > 0, a probability."
            )

    def __call__(self, tokens: Tokens, generator: Generator) -> Int[Tensor, "L"]:
        """0 for given, 1 for asked and -1 for unused tokens."""
        rng = _numpy_generator(generator)
        counts = _count(tokens)
        givable = [n * (s.name not in self.never_given) for n, s in zip(counts, tokens.spaces, strict=True)]
        askable = [n * (s.name not in self.never_asked) for n, s in zip(counts, tokens.spaces, strict=True)]
        least, most = _bounds(self.given)
        wanted = 0 if rng.random() < self.unconditional else int(rng.integers(least, most + 1))
        n_given, n_asked = _fit(wanted, self.asked, sum(map(max, givable, askable)))
        given, asked = self._share(n_given, n_asked, givable, askable, rng)
        return _draw(tokens, counts, given, asked, rng)

    def support(self, spaces: Sequence[str]) -> frozenset[tuple[str, str]]:
        """All ordered pairs, a space with itself included, without what is never given or never asked."""
        asked = [s for s in spaces if s not in self.never_asked]
        given = [s for s in spaces if s not in self.never_given] if self.unconditional < 1 else []
        return frozenset((g, a) for g in (*given, *([NOTHING] if self.unconditional else ())) for a in asked)

    def _share(
        self, n_given: int, n_asked: int, givable: list[int], askable: list[int], rng: np.random.Generator
    ) -> tuple[list[int], list[int]]:
        """Given and asked tokens of each space; lists, because arrays cost more than they save at so few spaces."""
        n = len(givable)
        weights = rng.standard_gamma(self.alpha, (2, n)).tolist()
        wishes = allot(n_given, givable, weights[0], rng), allot(n_asked, askable, weights[1], rng)
        coins = (rng.random(n) < 0.5).tolist()
        given, asked = [], []
        for given_first in (coins, [True] * n, [False] * n):  # the last two only if a side got nothing
            pairs = [_serve(*row) for row in zip(*wishes, map(max, givable, askable), given_first, strict=True)]
            given, asked = [g for g, _ in pairs], [a for _, a in pairs]
            _top_up(given, n_given, givable, asked, weights[0], rng)
            _top_up(asked, n_asked, askable, given, weights[1], rng)
            if sum(given) >= min(n_given, 1) and sum(asked) >= min(n_asked, 1):
                break
        return given, asked


@dataclass(frozen=True)
class LeadingSpace(MaskingPolicy):
    """The scheme of the AION-1 paper (arXiv:2510.17960, section 4), as far as it is published.

    One space is chosen uniformly and gives a uniformly drawn number of its tokens; the rest of the budget is drawn
    uniformly from the tokens of the others. Targets: spaces in random order, the first takes what it has, each further
    one a Beta(1, skew) share of what is left, until the budget is spent. The authors' Beta parameters are not
    published; `skew` is ours.
    """

    given: int = 256
    asked: int = 128
    skew: float = 10.0

    def __post_init__(self) -> None:
        if self.given < 1 or self.asked < 1 or self.skew <= 0:
            raise FoundationError(
                f"LeadingSpace: given {self.given}, asked {self.asked}, skew {self.skew}. "
                "Use at least 1 token each and skew > 0."
            )

    def __call__(self, tokens: Tokens, generator: Generator) -> Int[Tensor, "L"]:
        """0 for given, 1 for asked and -1 for unused tokens."""
        rng = _numpy_generator(generator)
        counts = _count(tokens)
        n_given, n_asked = _fit(self.given, self.asked, sum(counts))
        given = _lead(n_given, counts, rng)
        asked = self._targets(n_asked, [n - g for n, g in zip(counts, given, strict=True)], rng)
        return _draw(tokens, counts, given, asked, rng)

    def support(self, spaces: Sequence[str]) -> frozenset[tuple[str, str]]:
        """All ordered pairs, a space with itself included."""
        return frozenset((g, a) for g in spaces for a in spaces)

    def _targets(self, budget: int, free: list[int], rng: np.random.Generator) -> list[int]:
        asked = [0] * len(free)
        order = rng.permutation(np.flatnonzero(free)).tolist()
        left, share = min(budget, sum(free)), 1.0
        while left:
            for s in order:
                take = min(math.ceil(share * left), free[s] - asked[s])
                asked[s] += take
                left -= take
                share = rng.beta(1.0, self.skew)
        return asked


def allot(budget: int, capacity: Sequence[int], weight: Sequence[float], rng: np.random.Generator) -> list[int]:
    """Whole numbers min(capacity, level * weight) that sum to `budget`, or to the whole capacity if that is less.

    The common level is found exactly; fractions are rounded by systematic sampling, which keeps the sum and is
    unbiased in each space.
    """
    if budget >= sum(capacity):
        return list(capacity)
    weight = [max(w, SMALLEST_WEIGHT) for w in weight]
    order = sorted(range(len(capacity)), key=lambda s: capacity[s] / weight[s], reverse=True)  # the last is full first
    weight_up_to = list(accumulate(weight[s] for s in order))
    exact = [0.0] * len(capacity)
    left = float(budget)
    for s, total in zip(reversed(order), reversed(weight_up_to), strict=True):
        exact[s] = min(capacity[s], left * weight[s] / total)
        left -= exact[s]
    offset = rng.random()
    edges = [0, *(math.floor(e + offset) for e in accumulate(exact))]
    edges[-1] = budget
    return [b - a for a, b in pairwise(edges)]


def _serve(given: int, asked: int, count: int, given_first: bool) -> tuple[int, int]:
    """Both wishes for one space of `count` tokens, the first in full and the second from what it leaves."""
    return (given, min(asked, count - given)) if given_first else (min(given, count - asked), asked)


def _top_up(
    mine: list[int], budget: int, capacity: list[int], others: list[int], weight: list[float], rng: np.random.Generator
) -> None:
    """Spend what is left of a budget on the tokens that neither side has, in place."""
    if short := budget - sum(mine):
        free = [max(c - m - o, 0) for c, m, o in zip(capacity, mine, others, strict=True)]
        mine[:] = map(sum, zip(mine, allot(short, free, weight, rng), strict=True))


def _lead(budget: int, counts: list[int], rng: np.random.Generator) -> list[int]:
    """Given tokens of each space: one space leads, the tokens of the others fill up, the leader takes what is left."""
    lead = int(rng.choice(np.flatnonzero(counts)))
    first = min(int(rng.integers(1, counts[lead] + 1)), budget)
    others = [0 if s == lead else n for s, n in enumerate(counts)]
    given = rng.multivariate_hypergeometric(others, min(budget - first, sum(others))).tolist()
    given[lead] = budget - sum(given)
    return given


def _fit(given: int, asked: int, room: int) -> tuple[int, int]:
    """Both budgets, shrunk in proportion if the sample has no room for them; at least one of each in two tokens."""
    if given + asked <= room:
        return given, asked
    if given == 0:
        return 0, room
    asked = min(max(round(asked * room / (given + asked)), 1), max(room - 1, 0))
    return room - asked, asked


def _draw(
    tokens: Tokens, counts: list[int], given: list[int], asked: list[int], rng: np.random.Generator
) -> Int[Tensor, "L"]:
    """Reveal steps: in each space so many tokens given and so many asked, which ones at random."""
    runs = [(n, g, a) for n, g, a in zip(counts, given, asked, strict=True) if n]
    steps = np.repeat([0, 1, -1] * len(runs), [k for n, g, a in runs for k in (g, a, n - g - a)])
    space = tokens.space.numpy()
    reveal = np.empty(len(space), np.int64)
    reveal[np.argsort(space + rng.random(len(space)))] = steps  # the tokens of a space together, in random order
    return torch.from_numpy(reveal)


def _count(tokens: Tokens) -> list[int]:
    """Number of tokens of each space of the legend."""
    return np.bincount(tokens.space.numpy(), minlength=len(tokens.spaces)).tolist()


def _bounds(given: int | tuple[int, int]) -> tuple[int, int]:
    return (given, given) if isinstance(given, int) else (given[0], given[1])


def _numpy_generator(generator: Generator) -> np.random.Generator:
    """Numpy's generator seeded from torch's, which can draw neither gamma nor beta from a generator of ours."""
    return np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
