"""Draws: which examples an epoch shows, each a function of its number alone; and the window of a strand it shows."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from foundation.data.biology.strand import BREAK
from foundation.errors import FoundationError

EPOCH, DRAW = 0, 1  # what a seed is for


class ClusterDraws:
    """An endless row of draws: every epoch has each cluster equally often, in another order.

    Args:
        clusters: of each example, counted from 0 without gaps.
        each: draws of a cluster in an epoch, among its examples with replacement.
        seed: of everything here.

    Raises:
        FoundationError: no example, or no draws.
    """

    def __init__(self, clusters: Int64[np.ndarray, "examples"], each: int = 8, seed: int = 0) -> None:
        if not len(clusters) or each < 1:
            raise FoundationError(f"{len(clusters)} examples, {each} draws of each cluster. Give 1 or more of both.")
        order = np.argsort(clusters, kind="stable")
        self.members = np.split(order, np.cumsum(np.bincount(clusters))[:-1])
        self.each, self.seed = each, seed
        self._order: tuple[int, np.ndarray] = (-1, order)

    @property
    def epoch(self) -> int:
        """Draws of an epoch."""
        return len(self.members) * self.each

    def __getitem__(self, number: int) -> tuple[int, np.random.Generator]:
        """The example of a draw, and the randomness for what is drawn of it."""
        epoch, place = divmod(number, self.epoch)
        if self._order[0] != epoch:
            self._order = epoch, np.random.default_rng((self.seed, EPOCH, epoch)).permutation(self.epoch)
        members = self.members[self._order[1][place] // self.each]
        rng = np.random.default_rng((self.seed, DRAW, number))
        return int(members[rng.integers(len(members))]), rng


class Window(NamedTuple):
    """Letters start to end - 1 of a strand, and whether each end is that of the strand."""

    start: int
    end: int
    ends: tuple[bool, bool]


def window_around(letters: str, place: int, longest: int) -> Window:
    """The letters around an anchor after the letter at `place`: as far as breaks let them go, `longest` at most.

    A window that is cut has equally many letters on both sides of the anchor, unless one side is shorter.
    """
    low, high = letters.rfind(BREAK, 0, place) + 1, letters.find(BREAK, place)
    high = len(letters) if high < 0 else high
    left, right = place + 1 - low, high - place - 1
    left = min(left, max(longest // 2, longest - right))
    right = min(right, longest - left)
    start, end = place + 1 - left, place + 1 + right
    return Window(start, end, (start == 0, end == len(letters)))
