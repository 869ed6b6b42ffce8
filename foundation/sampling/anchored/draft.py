"""Draft: what has been drawn so far of some samples, and the drawing of the next symbol of a side."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from foundation.errors import FoundationError
from foundation.model.anchored.order import CHOICES, CNTL, CNTR, EOS, LEFT, RIGHT
from foundation.sampling.anchored.choices import Constraint
from foundation.sampling.anchored.lengths import Lengths
from foundation.sampling.choose import Choice


class Draft:
    """S growing sequences; rows are those of this draft, `numbers` those of the whole request.

    Args:
        numbers: int64 [S].
        chance: float64 [S, symbols, 2], from `chances`.
        choice: how a symbol is chosen.
        lengths: bounds.
        constraint: asked before and told after every draw; None = everything is allowed.
        both: whether there is a left side.
    """

    def __init__(
        self,
        numbers: Int[Tensor, "S"],
        chance: Float[Tensor, "S symbols 2"],
        choice: Choice,
        lengths: Lengths,
        constraint: Constraint | None,
        both: bool,
    ) -> None:
        samples = len(numbers)
        self.numbers, self.chance, self.choice, self.lengths = numbers, chance, choice, lengths
        self.constraint = constraint
        self.symbols = torch.full((samples, 2, 1 + chance.shape[1]), EOS)  # the marker of a side, then outwards
        self.symbols[:, RIGHT, 0], self.symbols[:, LEFT, 0] = CNTR, CNTL
        self.count = torch.zeros(samples, 2, dtype=torch.long)  # symbols drawn, <eos> included
        self.ended = torch.zeros(samples, 2, dtype=torch.bool)
        self.ended[:, LEFT] = not both
        self.length = torch.zeros(samples, dtype=torch.long)
        self.log_likelihood = torch.zeros(samples, dtype=torch.float64)

    def draw(self, side: int, rows: Int[Tensor, "n"], logits: Float[Tensor, "n choices"]) -> None:
        """The next symbol of this side of these rows.

        Raises:
            FoundationError: the constraint and the bounds on the length leave nothing.
        """
        if not len(rows):
            return
        bounded = self.lengths.adjust(logits, self.length[rows], self.ended[rows, 1 - side])
        if self.constraint is not None:
            bounded += self.constraint.log_weights(side, self.numbers[rows])
        allowed = bounded > -torch.inf
        self._check(allowed, rows)
        ids = self.choice.codes(bounded, self.chance[rows, self.count[rows, side], side], allowed)
        if self.constraint is not None:
            self.constraint.advance(side, self.numbers[rows], ids)
        self.count[rows, side] += 1
        self.symbols[rows, side, self.count[rows, side]] = ids
        self.ended[rows, side] = ids == EOS
        self.length[rows] += ids != EOS
        self.log_likelihood[rows] += logits.double().log_softmax(-1).gather(1, ids[:, None])[:, 0]

    def letters(self, row: int) -> tuple[Int[Tensor, "n"], int]:
        """The finished sequence of a row, and how many of its letters lie left of the anchor."""
        left, right = (self.symbols[row, side, 1 : self.count[row, side]] for side in (LEFT, RIGHT))
        return torch.cat([left.flip(0), right]), len(left)

    def _check(self, allowed: Tensor, rows: Tensor) -> None:
        stuck = torch.nonzero(~allowed.any(-1)).flatten()
        if len(stuck):
            row = rows[stuck[0]]
            raise FoundationError(
                f"Sample {int(self.numbers[row])} has {int(self.length[row])} letters and nothing may follow: the "
                f"constraint and lengths {self.lengths.least} to {self.lengths.most} exclude all {CHOICES} choices. "
                "Give both the same range of lengths."
            )
