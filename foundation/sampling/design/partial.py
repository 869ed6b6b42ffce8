"""Partial: sequences that grow at both ends, and which letters keep each of them completable.

A letter, or the end of a side, is allowed exactly if some completion fulfils all constraints, so whatever is chosen
among the allowed, the finished sequences fulfil them. It is told one choice at a time, in any order of sides.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int

from foundation.errors import FoundationError
from foundation.sampling.design.lookahead import Lookahead
from foundation.sampling.design.motif import LETTERS

Side = Literal["left", "right"]
END = len(LETTERS)  # the id that ends a side


@dataclass(frozen=True, eq=False)
class Partial:
    """n partial sequences.

    Args:
        lookahead: of the constraints.
        map: int32 [n, S], the automaton's state after the letters laid so far, by the state before them.
        length, gc: int64 [n], of the letters laid so far.
        gap: int64 [n], letters still missing on the left; 0 where that is not known beforehand.
        left, right: bool [n], whether the side is open.
    """

    lookahead: Lookahead
    map: Int[np.ndarray, "n S"]
    length: Int[np.ndarray, "n"]
    gc: Int[np.ndarray, "n"]
    gap: Int[np.ndarray, "n"]
    left: Bool[np.ndarray, "n"]
    right: Bool[np.ndarray, "n"]

    @classmethod
    def begin(cls, lookahead: Lookahead, before: Int[np.ndarray, "n"]) -> "Partial":
        """Empty sequences.

        Args:
            before: letters that will stand left of the anchor; ignored where the lookahead leaves that open.

        Raises:
            FoundationError: an anchor with which no sequence fulfils the constraints.
        """
        n, states = len(before), lookahead.automaton.states
        if lookahead.known and not np.isin(before, lookahead.gaps()).all():
            wrong = int(before[~np.isin(before, lookahead.gaps())][0])
            raise FoundationError(
                f"No sequence fulfils the constraints with {wrong} letters left of the anchor; "
                f"possible are {_said(lookahead.gaps())}."
            )
        gap = before.astype(np.int64) if lookahead.known else np.zeros(n, dtype=np.int64)
        identity = np.broadcast_to(np.arange(states, dtype=np.int32), (n, states))
        zero, one = np.zeros(n, dtype=np.int64), np.ones(n, dtype=bool)
        return cls(lookahead, identity, zero, zero, gap, one, one)

    def allowed(self, side: Side) -> Bool[np.ndarray, "n ids"]:
        """Which letters may come next on this side, and (id END) whether it may end; a side that has ended stays so."""
        choices = [after.completable() for after in self.each(side)]
        is_open = self.left if side == "left" else self.right
        ended = np.arange(END + 1) == END
        return np.where(is_open[:, None], np.stack(choices, 1), ended)

    def each(self, side: Side) -> list["Partial"]:
        """What would become of all of them with each letter in turn on this side, and last with its end."""
        return [self._after(side, np.full(len(self.length), i)) for i in range(END + 1)]

    def advance(self, side: Side, ids: Int[np.ndarray, "n"]) -> "Partial":
        """With the chosen ids on this side; a side that has ended takes END alone.

        Raises:
            FoundationError: an id that is not allowed.
        """
        is_open = self.left if side == "left" else self.right
        after = self._after(side, ids)
        if not np.where(is_open, after.completable(), ids == END).all():
            raise FoundationError(f"{ids.tolist()} on the {side}: not allowed. Choose among `allowed`.")
        return after

    def keep(self, index: Int[np.ndarray, "kept"]) -> "Partial":
        """These sequences alone, in this order."""
        names = ("map", "length", "gc", "gap", "left", "right")
        return replace(self, **{name: getattr(self, name)[index] for name in names})

    def _after(self, side: Side, ids: Int[np.ndarray, "n"]) -> "Partial":
        letter, laid = np.minimum(ids, END - 1), ids < END
        automaton, leftwards = self.lookahead.automaton, side == "left"
        last = len(automaton.kind) - 1
        position = np.clip(self.gap - 1 if leftwards else self.gap + self.length, 0, last)
        kind = automaton.kind[position]
        if leftwards:
            moved = np.take_along_axis(self.map, automaton.step[kind, letter], axis=1)
        else:
            moved = automaton.step[kind[:, None], letter[:, None], self.map]
        weight = self.lookahead.weight[letter] * laid
        gap = self.gap - (laid if leftwards and self.lookahead.known else 0)
        is_open = (self.left if leftwards else self.right) & laid
        grown = np.where(laid[:, None], moved, self.map)
        sides = {"left" if leftwards else "right": is_open}
        return replace(self, map=grown, length=self.length + laid, gc=self.gc + weight, gap=gap, **sides)

    def completable(self) -> Bool[np.ndarray, "n"]:
        """Whether some completion fulfils all constraints."""
        ahead = self.lookahead
        at = np.minimum(self.length, len(ahead.final) - 1), np.minimum(self.gc, ahead.final.shape[1] - 1)
        done = self.map[:, ahead.automaton.start]  # once the left side has ended, the sequence begins at the start
        closed = ahead.final[at] & ahead.automaton.accepting[done]
        found = np.where(self.right, ahead.right[*at, done], closed) & (self.gap == 0)
        for gap in np.unique(self.gap[self.left & (self.gap >= 0)]):
            rows = np.nonzero(self.left & (self.gap == gap))[0]
            found[rows] = self._leftwards(rows, int(gap), at[0][rows], at[1][rows])
        return found

    def _leftwards(self, rows: np.ndarray, gap: int, length: np.ndarray, gc: np.ndarray) -> np.ndarray:
        """Whether sequences whose left side is open, with this gap, can be completed."""
        ahead, mapped, both = self.lookahead, self.map[rows], self.right[rows]
        found = np.zeros(len(rows), dtype=bool)
        before = np.arange(ahead.automaton.states)
        left = ahead.left(gap)[length[~both], gc[~both]] & ahead.automaton.accepting[mapped[~both]]
        found[~both] = left.any(1)
        if both.any():
            packed = ahead.open(gap)[length[both][:, None], gc[both][:, None], mapped[both], before >> 3]
            found[both] = (packed >> (7 - (before & 7)) & 1).any(1)
        return found


def _said(places: np.ndarray) -> str:
    """Ascending numbers as ranges: 0-3, 7."""
    parts = np.split(places, np.nonzero(np.diff(places) > 1)[0] + 1)
    return ", ".join(str(p[0]) if len(p) == 1 else f"{p[0]}-{p[-1]}" for p in parts if len(p)) or "none"
