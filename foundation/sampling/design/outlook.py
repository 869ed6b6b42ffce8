"""Outlook: how probable it is that letters drawn blindly would complete a sequence as the constraints want it.

To forbid only what can no longer be mended leaves everything that a model finds unlikely to the last moment: a required
motif would always stand at the far end of the longest sequence. Weighing each choice by the probability that all ends
well, were the rest drawn blindly, spreads it over all places. Blind are uniform letters on both sides, and ends such
that the mean length is in the middle of the range; were the model blind, its sequences would be distributed exactly as
blind ones that happen to fulfil the constraints. GC is left to the look-ahead alone.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from foundation.errors import FoundationError
from foundation.sampling.design.constraints import Constraints
from foundation.sampling.design.lookahead import MOST_BYTES, Lookahead
from foundation.sampling.design.motif import LETTERS
from foundation.sampling.design.partial import Partial


@dataclass(frozen=True, eq=False)
class Outlook:
    """Tables for one set of constraints; L = longest + 2 lengths, the last never in range.

    Args:
        lookahead: of the same constraints.
        in_range: bool [L].
        end: probability that a side ends before its next letter.
    """

    lookahead: Lookahead
    in_range: Bool[np.ndarray, "L"]
    end: float

    @classmethod
    def of(cls, constraints: Constraints, lookahead: Lookahead) -> "Outlook":
        """The outlook of `constraints`.

        Raises:
            FoundationError: tables too large for the memory of an ordinary machine.
        """
        least, most = constraints.lengths
        length, states = np.arange(most + 2), lookahead.automaton.states
        if not lookahead.known and (size := 8 * len(length) * states**2) > MOST_BYTES:
            raise FoundationError(
                f"The constraints need tables of {size / 2**30:.0f} GiB. Give fewer or shorter motifs or sequences."
            )
        sides = 1 if lookahead.known else 2
        return cls(lookahead, (least <= length) & (length <= most), 1 / (1 + (least + most) / (2 * sides)))

    def chance(self, partial: Partial) -> Float[np.ndarray, "n"]:
        """The probability of each partial sequence."""
        length = np.minimum(partial.length, len(self.in_range) - 1)
        start, accepting = self.lookahead.automaton.start, self.lookahead.automaton.accepting
        done = partial.map[:, start]
        whole = np.where(partial.right, self._right[length, done], self.in_range[length] & accepting[done])
        if self.lookahead.known:
            return np.where(partial.left, self._known(partial), whole * (partial.gap == 0))
        ended = (self._left[length] * accepting[partial.map]).sum(1)
        if not (both := partial.left & partial.right).any():
            return np.where(partial.left, ended, whole)
        open_ = np.zeros(len(length))
        before = np.arange(partial.map.shape[1])
        open_[both] = self._open[length[both][:, None], partial.map[both], before].sum(1)
        return np.where(both, open_, np.where(partial.left, ended, whole))

    def _known(self, partial: Partial) -> Float[np.ndarray, "n"]:
        gap = np.maximum(partial.gap, 0)
        length = np.minimum(gap + partial.length, len(self.in_range) - 1)[:, None]
        ended = self.in_range[length] & self.lookahead.automaton.accepting[partial.map]
        after = np.where(partial.right[:, None], self._right[length, partial.map], ended)
        return (self._before[np.minimum(gap, len(self._before) - 1)] * after).sum(1) * (partial.gap >= 0)

    @property
    def _letter(self) -> float:
        return (1 - self.end) / len(LETTERS)

    @cached_property
    def _right(self) -> Float[np.ndarray, "L S"]:
        """By length and state, with the left side complete and the right one open."""
        table = np.zeros((len(self.in_range), self.lookahead.automaton.states))
        for length in reversed(range(len(table) - 1)):
            table[length] = self.in_range[length] * self.lookahead.automaton.accepting * self.end
            for step in self.lookahead.steps(length):
                table[length] += self._letter * table[length + 1][step]
        return table

    @cached_property
    def _before(self) -> Float[np.ndarray, "L S"]:
        """How probable each state is after so many letters, where their number is known."""
        table = np.zeros((len(self.in_range), self.lookahead.automaton.states))
        table[0, self.lookahead.automaton.start] = 1
        for length in range(len(table) - 1):
            for step in self.lookahead.steps(length):
                np.add.at(table[length + 1], step, table[length] / len(LETTERS))
        return table

    @cached_property
    def _left(self) -> Float[np.ndarray, "L S"]:
        """By length and state before the letters, with the right side complete and the left one open."""
        table = np.zeros((len(self.in_range), self.lookahead.automaton.states))
        for length in reversed(range(len(table) - 1)):
            table[length, self.lookahead.automaton.start] = self.in_range[length] * self.end
            for step in self.lookahead.steps(0):
                np.add.at(table[length], step, self._letter * table[length + 1])
        return table

    @cached_property
    def _open(self) -> Float[np.ndarray, "L S S"]:
        """By length, state after the letters and state before them, with both sides open."""
        accepting = self.lookahead.automaton.accepting * self.end
        table = accepting[:, None] * self._left[:, None]
        for length in reversed(range(len(table) - 1)):
            for step in self.lookahead.steps(0):
                table[length] += self._letter * table[length + 1][step]
        return table
