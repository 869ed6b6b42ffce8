"""Generate: sequences drawn from a small model in its own order, all in step; every pass reads all rows anew."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from foundation.evaluation.anchored.model import MotifModel
from foundation.evaluation.anchored.rows import Order, any_order_batch, ordered_batch, pattern
from foundation.evaluation.anchored.task import ABSENT, LONGEST, SHORTEST, Sequences
from foundation.model.anchored.order import EOS, LEFT, RIGHT, Factorisation, Rows
from foundation.sampling.choose import Choice

MOST = 2 * LONGEST  # letters, for models that do not end
SLACK = (1, 1)  # places for one letter yet to come on either side


@torch.no_grad()
def generate(
    model: MotifModel, order: Order, condition: Int[np.ndarray, "n"], rng: np.random.Generator
) -> tuple[Sequences, int]:
    """Sequences at temperature 1, one for each condition, and the passes of the model that they took.

    Lengths of "any_order", which does not end by itself, are drawn as those of the task are.
    """
    if order == "any_order":
        return _revealed(model, condition, rng)
    draft = _Draft([[] for _ in condition], [[] for _ in condition], [order != "left_to_right"] * len(condition),
                   [True] * len(condition))  # fmt: skip
    passes = 0
    while growing := draft.growing:
        draft.draw(model, order, growing, condition[growing], rng)
        passes += 1
    return draft.sequences(condition), passes


@dataclass(frozen=True, eq=False)
class _Draft:
    """Letters on either side of the anchor, outwards, and whether the side is open."""

    left: list[list[int]]
    right: list[list[int]]
    left_open: list[bool]
    right_open: list[bool]

    @property
    def growing(self) -> list[int]:
        """Samples with an open side."""
        return [i for i, both in enumerate(zip(self.left_open, self.right_open, strict=True)) if any(both)]

    def draw(
        self, model: MotifModel, order: Factorisation, samples: list[int], condition: np.ndarray,
        rng: np.random.Generator,
    ) -> None:  # fmt: skip
        """The symbols of the next group of each of these samples."""
        letters = np.full((len(samples), MOST + sum(SLACK)), ABSENT)
        rows, anchors, asked = [], [], []
        for place, i in enumerate(samples):
            word = [0] * self.left_open[i] + self.left[i][::-1] + self.right[i] + [0] * self.right_open[i]
            letters[place, : len(word)] = word
            anchors.append(len(self.left[i]) + self.left_open[i])
            shown, found = self._next(i, len(word), anchors[-1], order)
            asked += [(place, row, side) for row, side in found]
            rows.append(shown)
        start = np.cumsum([0, *map(len, rows)])
        logits = model(ordered_batch(rows, anchors, letters, condition))
        picked = logits[[int(start[place]) + row for place, row, _ in asked]]
        for (place, _, side), symbol in zip(asked, _drawn(picked, rng).tolist(), strict=True):
            self._write(samples[place], side, symbol)

    def _next(self, i: int, n: int, anchor: int, order: Factorisation) -> tuple[Rows, list[tuple[int, int]]]:
        """The rows up to the next group that predicts an open end, and its rows that do, with their sides."""
        rows = pattern(n, anchor, order, (not self.left_open[i], not self.right_open[i]))
        ends = {0: LEFT} if self.left_open[i] else {}
        ends |= {n - 1: RIGHT} if self.right_open[i] else {}
        found = [(row, ends[place]) for row, place in enumerate(rows.place.tolist()) if place in ends]
        group = min(int(rows.group[row]) for row, _ in found)
        return rows.select(rows.group <= group), [(row, side) for row, side in found if rows.group[row] == group]

    def _write(self, i: int, side: int, symbol: int) -> None:
        mine, still = (self.left, self.left_open) if side == LEFT else (self.right, self.right_open)
        if symbol == EOS or len(self.left[i]) + len(self.right[i]) >= MOST:
            still[i] = False
        else:
            mine[i].append(symbol)

    def sequences(self, condition: Int[np.ndarray, "n"]) -> Sequences:
        """The finished sequences."""
        words = [left[::-1] + right for left, right in zip(self.left, self.right, strict=True)]
        letters = np.full((len(words), MOST), ABSENT)
        for row, word in zip(letters, words, strict=True):
            row[: len(word)] = word
        return Sequences(letters, np.array([*map(len, words)]), np.array([*map(len, self.left)]), condition)


def _revealed(model: MotifModel, condition: Int[np.ndarray, "n"], rng: np.random.Generator) -> tuple[Sequences, int]:
    length = rng.integers(SHORTEST, LONGEST + 1, len(condition))
    orders = [rng.permutation(int(n)) for n in length]
    drawn = Sequences(np.zeros((len(length), LONGEST), dtype=np.int64), length, 0 * length, condition)
    for step in range(int(length.max())):
        going = np.nonzero(length > step)[0]
        batch = any_order_batch(drawn.select(going), [orders[i] for i in going], step)
        logits = model(batch)[batch.target >= 0][:, :EOS]
        drawn.letters[going, [orders[i][step] for i in going]] = _drawn(logits, rng).numpy()
    drawn.letters[np.arange(LONGEST) >= length[:, None]] = ABSENT
    return drawn, int(length.max())


def _drawn(logits: Float[Tensor, "n choices"], rng: np.random.Generator) -> Int[Tensor, "n"]:
    return Choice().codes(logits, torch.from_numpy(rng.random(len(logits))))
