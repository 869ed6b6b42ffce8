"""Lookahead: whether a sequence that grows at both ends can still be completed, answered exactly from tables.

The letters laid so far, w, are known only by what they do to the automaton: a map from the state before w to the state
after it. A completion is a word u on the left and v on the right such that the state after u, mapped, and then led on
by v, is accepting, with length and GC count of the whole in range. The tables say, for a length and a GC count so far,
which pairs (state before w, state after w) have a completion; letters are taken off backwards from the longest length.

Where constraints name positions, the number of letters still missing on the left, the gap, has to be known, and each
gap has tables of its own; elsewhere one set serves all and the left side may end anywhere.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Int, UInt8

from foundation.errors import FoundationError
from foundation.sampling.design.automaton import Automaton
from foundation.sampling.design.constraints import Constraints
from foundation.sampling.design.motif import LETTERS

ROUNDING = 1e-9  # of a GC fraction times a length
MOST_BYTES = 2**31  # of the tables of one gap


@dataclass(frozen=True, eq=False)
class Lookahead:
    """Tables for one set of constraints; L = longest + 2 lengths and G GC counts, the last of each never in range.

    Args:
        automaton: of the motifs and the template.
        weight: int64 [letters], what a letter adds to the GC count; all 0 if GC does not matter.
        final: bool [L, G], lengths and GC counts that a finished sequence may have.
        known: whether the gap on the left is known.
    """

    automaton: Automaton
    weight: Int[np.ndarray, "letters"]
    final: Bool[np.ndarray, "L G"]
    known: bool
    _left: dict[int, np.ndarray] = field(default_factory=dict, init=False, repr=False)
    _open: dict[int, np.ndarray] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, constraints: Constraints, known: bool) -> "Lookahead":
        """The tables of `constraints`; they are filled when they are first asked for."""
        automaton = Automaton.of(constraints)
        low, high = constraints.gc or (0.0, 0.0)
        length = np.arange(constraints.lengths[1] + 2)[:, None]
        gc = np.arange(int(high * constraints.lengths[1] + ROUNDING) + 2)
        final = (low * length <= gc + ROUNDING) & (gc <= high * length + ROUNDING)
        final &= (constraints.lengths[0] <= length) & (length <= constraints.lengths[1])
        final[:, -1] = False
        weight = np.array([constraints.gc is not None and letter in "CG" for letter in LETTERS], dtype=np.int64)
        return cls(automaton, weight, final, known or constraints.positional)

    @cached_property
    def right(self) -> Bool[np.ndarray, "L G S"]:
        """Whether letters on the right alone can complete a sequence of this length, GC count and state."""
        table = np.zeros((*self.final.shape, self.automaton.states), dtype=bool)
        for length in reversed(range(len(self.final) - 1)):
            table[length] = self.final[length][:, None] & self.automaton.accepting
            for letter, step in enumerate(self.steps(length)):
                table[length] |= self._heavier(table[length + 1], letter)[:, step]
        return table

    def left(self, gap: int) -> Bool[np.ndarray, "L G S"]:
        """From which states before w letters on the left alone can complete, the right side having ended."""
        for less in range(len(self._left), gap + 1):  # each builds on the one before
            self._left[less] = self._left_of(less) if self.known else self._left_anyhow()
        return self._left[gap]

    def open(self, gap: int) -> UInt8[np.ndarray, "L G S bytes"]:
        """The same with both sides open, for each state after w; states before w are packed, eight to a byte.

        Raises:
            FoundationError: tables too large for the memory of an ordinary machine.
        """
        if gap not in self._open:
            size = self.final.size * self.automaton.states * -(-self.automaton.states // 8)
            if size > MOST_BYTES:
                raise FoundationError(
                    f"The constraints need tables of {size / 2**30:.0f} GiB. Give fewer or shorter motifs or sequences."
                )
            self._open[gap] = self._open_of(gap)
        return self._open[gap]

    def gaps(self) -> Int[np.ndarray, "places"]:
        """Numbers of letters left of the anchor for which some sequence exists."""
        reached = np.zeros((self.final.shape[1], self.automaton.states), dtype=bool)  # [G, S] after so many letters
        reached[0, self.automaton.start] = True
        found = []
        for length in range(len(self.final) - 1):
            found.append((reached & self.right[length]).any())
            parts = [self._lighter(_led(reached, step), a) for a, step in enumerate(self.steps(length))]
            reached = np.logical_or.reduce(parts or [np.zeros_like(reached)])
        return np.nonzero(found)[0]

    def _left_anyhow(self) -> np.ndarray:
        table = np.zeros((*self.final.shape, self.automaton.states), dtype=bool)
        for length in reversed(range(len(self.final) - 1)):
            table[length, :, self.automaton.start] = self.final[length]
            for letter, step in enumerate(self.steps(0)):
                table[length] |= _led(self._heavier(table[length + 1], letter), step)
        return table

    def _left_of(self, gap: int) -> np.ndarray:
        table = np.zeros((*self.final.shape, self.automaton.states), dtype=bool)
        if gap == 0:
            table[:, :, self.automaton.start] = self.final
            return table
        before = self.left(gap - 1)[1:]
        for letter, step in enumerate(self.steps(gap - 1)):
            table[:-1] |= _led(self._heavier(before, letter, axis=1), step)
        return table

    def _open_of(self, gap: int) -> np.ndarray:
        ended = np.packbits(self.left(gap), axis=-1)  # [L, G, bytes]
        table = ended[:, :, None] * self.automaton.accepting[:, None].astype(np.uint8)  # [L, G, S, bytes]
        for length in reversed(range(len(self.final) - 1)):
            for letter, step in enumerate(self.steps(gap + length)):
                table[length] |= self._heavier(table[length + 1], letter)[:, step]
        return table

    def steps(self, position: int) -> np.ndarray:
        """int32 [letters, S] at a position; no letters beyond the longest sequence."""
        kind = self.automaton.kind
        return self.automaton.step[kind[position]] if position < len(kind) else self.automaton.step[0, :0]

    def _heavier(self, table: np.ndarray, letter: int, axis: int = 0) -> np.ndarray:
        """What holds once the letter is added: the entries of GC counts, along the axis, that much larger."""
        if not self.weight[letter]:
            return table
        return np.take(table, np.minimum(np.arange(1, table.shape[axis] + 1), table.shape[axis] - 1), axis)

    def _lighter(self, table: np.ndarray, letter: int) -> np.ndarray:
        """The entries of GC counts that much smaller; the count that is never in range stays empty."""
        if not self.weight[letter]:
            return table
        return np.concatenate([np.zeros_like(table[:1]), table[:-2], np.zeros_like(table[:1])])


def _led(table: Bool[np.ndarray, "*axes S"], step: Int[np.ndarray, "S"]) -> Bool[np.ndarray, "*axes S"]:
    """Where the marked states lead."""
    order = np.argsort(step, kind="stable")
    target, first = np.unique(step[order], return_index=True)
    led = np.zeros_like(table)
    led[..., target] = np.logical_or.reduceat(table[..., order], first, axis=-1)
    return led
