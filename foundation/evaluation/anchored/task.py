"""Task: synthetic sequences with a motif for each condition, of unknown place, and an anchor in or beside it.

Background letters are independent and uniform. A motif is six columns of letter probabilities; a bipartite one has a
spacer of background letters after its third column. Everything is vectorised over sequences.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

LETTERS = "ACGU"
MOTIFS = ("UGGUGU", "UAACCU", "UACUAU", "ACUCCC", "GCUCCG", "GGGUUU", "GGCUCA", "UAUGAA")  # one a condition
COLUMNS, HALF = 6, 3
SHORTEST, LONGEST = 30, 50
FIXED_PHASE = 2
SECOND = 0.3  # probability of the other letter in every second column of a degenerate motif
MOST_SPACER = 4
ABSENT = -1  # beyond the end of a sequence

Variant = Literal["fixed", "degenerate", "bipartite"]


@dataclass(frozen=True, eq=False)
class Sequences:
    """n sequences.

    Args:
        letters: int64 [n, longest], places in LETTERS; ABSENT beyond the end.
        length: int64 [n].
        anchor: int64 [n], letters before the anchor.
        condition: int64 [n].
    """

    letters: Int[np.ndarray, "n longest"]
    length: Int[np.ndarray, "n"]
    anchor: Int[np.ndarray, "n"]
    condition: Int[np.ndarray, "n"]

    def __len__(self) -> int:
        return len(self.length)

    def select(self, index: np.ndarray) -> "Sequences":
        """The sequences at `index`."""
        return Sequences(*(part[index] for part in vars(self).values()))


@dataclass(frozen=True)
class Task:
    """What the sequences are like.

    Args:
        variant: "fixed" motifs, "degenerate" ones with two letters in every second column, or "bipartite" ones with a
            spacer of 0 to 4 letters in the middle.
    """

    variant: Variant = "fixed"

    @property
    def spacers(self) -> int:
        """How many lengths of the spacer there are, from 0."""
        return MOST_SPACER + 1 if self.variant == "bipartite" else 1

    @cached_property
    def columns(self) -> Float[np.ndarray, "conditions columns letters"]:
        """Probability of each letter in each column of each motif."""
        index = np.array([[LETTERS.index(letter) for letter in motif] for motif in MOTIFS])
        table = np.eye(len(LETTERS))[index]
        if self.variant == "degenerate":
            other = np.eye(len(LETTERS))[(index + 1) % len(LETTERS)]
            table[:, 1::2] = (1 - SECOND) * table[:, 1::2] + SECOND * other[:, 1::2]
        return table

    def places(self, spacer: Int[np.ndarray, "n"]) -> Int[np.ndarray, "n columns"]:
        """Where the columns lie, counted from the first."""
        column = np.arange(COLUMNS)
        return column + np.where(column >= HALF, spacer[:, None], 0)

    def draw(self, condition: Int[np.ndarray, "n"], phase: int | None, rng: np.random.Generator) -> Sequences:
        """Sequences of these conditions.

        Args:
            phase: the anchor stands after this column, from 0; None = after one drawn evenly.
        """
        n = len(condition)
        length = rng.integers(SHORTEST, LONGEST + 1, n)
        places = self.places(rng.integers(0, self.spacers, n))
        start = (rng.random(n) * (length - places[:, -1])).astype(np.int64)
        letters = rng.integers(0, len(LETTERS), (n, LONGEST))
        motif = letters_from(self.columns[condition], rng.random((n, COLUMNS)))
        np.put_along_axis(letters, start[:, None] + places, motif, 1)
        after = rng.integers(0, COLUMNS, n) if phase is None else np.full(n, phase)
        anchor = start + places[np.arange(n), after] + 1
        return Sequences(np.where(np.arange(LONGEST) < length[:, None], letters, ABSENT), length, anchor, condition)

    def copies(self, letters: Int[np.ndarray, "n longest"]) -> Int[np.ndarray, "n conditions longest"]:
        """How many copies of each condition's motif begin at each place; letters of positive probability count."""
        n, longest = letters.shape
        fits = np.concatenate([self.columns > 0, np.zeros((*self.columns.shape[:2], 1), dtype=bool)], -1)  # + ABSENT
        found = np.zeros((n, len(MOTIFS), longest), dtype=np.int64)
        for place in self.places(np.arange(self.spacers)):
            starts = np.arange(max(longest - int(place[-1]), 0))
            windows = letters[:, starts[:, None] + place]  # [n, starts, columns]
            for condition, table in enumerate(fits):
                found[:, condition, : len(starts)] += table[np.arange(COLUMNS), windows].all(-1)
        return found


def letters_from(probability: Float[np.ndarray, "*shape letters"], chance: Float[np.ndarray, "*shape"]) -> np.ndarray:
    """A letter for each distribution, by the inverse of its cumulative sum."""
    return np.minimum((probability.cumsum(-1) <= chance[..., None]).sum(-1), len(LETTERS) - 1)
