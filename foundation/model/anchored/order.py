"""Rows of a sequence in the order in which it grows from an anchor: what the model reads, sees and predicts.

    x = x_0 ... x_(n-1) with the anchor after `anchor` of its letters;
    l_k and r_k: the k-th letter to the left and to the right of the anchor; <cntl> and <cntr> stand for l_0 and r_0;
    a side that ends has <eos> after its last letter.

Each row holds one of these symbols. Rows lie in groups, and a row sees all groups up to its own: with rows stored in
the order of their groups that is plain causal attention, so what is computed for a row never changes when the sequence
grows, and its keys and values are only ever added to.

    pairs          <cntr> | <cntl> r_1 | l_1 r_2 | l_2 r_3 | ...    a row predicts the next symbol of its own side
    interleaved    <cntr> | <cntl> | r_1 | l_1 | r_2 | l_2 | ...    a row predicts the symbol of the next row
    left_to_right  <cntr> | r_1 | r_2 | ...                         likewise, from an anchor before the first letter

"pairs" is the mask of RNA-BAnG (arXiv:2502.21274). Coordinates are signed from <cntl>, so they do not depend on
letters still to come: l_k is at 1 - k, <cntl> at 0, <cntr> at 1, r_k at k.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from foundation.errors import FoundationError
from foundation.masking.anchored import outward_order

Factorisation = Literal["pairs", "interleaved", "left_to_right"]
LETTERS = "ACGU"
EOS, CNTL, CNTR = 4, 5, 6  # ids after those of the letters
CHOICES = len(LETTERS) + 1  # what a row can predict: a letter or <eos>
RIGHT, LEFT = 0, 1  # sides


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of one sequence, each int64 [T], in the order in which it grows.

    Args:
        ids: the symbol a row holds: a letter 0 to 3, EOS, CNTL or CNTR.
        index: its coordinate, signed from <cntl>.
        side: of the symbol that the row predicts, RIGHT or LEFT; of a row that predicts none, its own.
        target: the symbol it predicts, 0 to 4; -1 = none.
        place: of the target, as an index into the sequence; -1 or n for the <eos> on the left or right, -2 = no target.
        group: a row sees rows of groups up to its own.
    """

    ids: Int[Tensor, "T"]
    index: Int[Tensor, "T"]
    side: Int[Tensor, "T"]
    target: Int[Tensor, "T"]
    place: Int[Tensor, "T"]
    group: Int[Tensor, "T"]

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, index: Tensor) -> "Rows":
        """The rows at `index`."""
        return Rows(*(getattr(self, f.name)[index] for f in fields(self)))


def grow(
    letters: Int[Tensor, "n"], anchor: int, factorisation: Factorisation = "pairs", ends: Sequence[bool] = (True, True)
) -> Rows:
    """The rows of one sequence; those after the last that predicts anything are left out.

    Args:
        letters: 0 to 3.
        anchor: letters to the left of the anchor, 0 to n; 0 for "left_to_right".
        factorisation: the order of the rows.
        ends: whether the left and the right end are those of the sequence; an end that was cropped predicts nothing,
            and with "interleaved" the other side goes on as if this one had ended.

    Raises:
        FoundationError: an anchor outside the sequence, a symbol that is no letter, or another factorisation.
    """
    _check(letters, anchor, factorisation)
    left = _rows(_side(letters[:anchor].flip(0), CNTL, ends[0]), LEFT, anchor, factorisation)
    right = _rows(_side(letters[anchor:], CNTR, ends[1]), RIGHT, anchor, factorisation)
    if factorisation == "pairs":
        return _needed(_sorted(_predict_next(right), _predict_next(left)))
    if factorisation == "interleaved":
        return _needed(_predict_next(_sorted(right, left), after=1))
    return _needed(_predict_next(right))


def coordinate(left: Bool[Tensor, "*shape"] | bool, k: Int[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
    """Of the k-th symbol of a side, signed from <cntl>; k = 0 is the marker of the side."""
    return torch.where(torch.as_tensor(left, device=k.device), 1 - k.clamp(min=1), k.clamp(min=1))


def _side(letters: Int[Tensor, "k"], marker: int, ends: bool) -> Int[Tensor, "symbols"]:
    """The marker, the letters outwards, and <eos> if the side ends there."""
    return torch.cat([letters.new_tensor([marker]), letters, letters.new_tensor([EOS] if ends else [])])


def _rows(symbols: Int[Tensor, "k"], side: int, anchor: int, factorisation: str) -> Rows:
    """The rows of one side, each for now its own target."""
    k = torch.arange(len(symbols))
    group = outward_order(torch.tensor([side == LEFT]), k, factorisation)
    place = anchor - k if side == LEFT else anchor + k - 1
    return Rows(symbols, coordinate(side == LEFT, k), torch.full_like(k, side), symbols, place, group)


def _sorted(first: Rows, second: Rows) -> Rows:
    """Rows of both, group by group."""
    both = Rows(*(torch.cat([getattr(first, f.name), getattr(second, f.name)]) for f in fields(Rows)))
    return both.select(torch.argsort(both.group, stable=True))


def _predict_next(rows: Rows, after: int = 0) -> Rows:
    """Each row from number `after` on predicts the symbol of the next one, and the last predicts nothing."""
    row = torch.arange(len(rows))
    following, asks = (row + 1).clamp(max=len(rows) - 1), (row >= after) & (row < len(rows) - 1)
    return Rows(
        rows.ids,
        rows.index,
        torch.where(asks, rows.side[following], rows.side),
        torch.where(asks, rows.target[following], -1),
        torch.where(asks, rows.place[following], -2),
        rows.group,
    )


def _needed(rows: Rows) -> Rows:
    """Without groups after the last that predicts anything."""
    asked = rows.group[rows.target >= 0]
    return rows.select(rows.group <= (asked.max() if len(asked) else -1))


def _check(letters: Int[Tensor, "n"], anchor: int, factorisation: str) -> None:
    if factorisation not in get_args(Factorisation):
        raise FoundationError(f"factorisation {factorisation!r}. Choose one of {', '.join(get_args(Factorisation))}.")
    if not 0 <= anchor <= len(letters) or (factorisation == "left_to_right" and anchor):
        wanted = "0" if factorisation == "left_to_right" else f"0 to {len(letters)}"
        raise FoundationError(
            f"an anchor after {anchor} of {len(letters)} letters, {factorisation}. Give {wanted} letters before it."
        )
    if len(letters) and not 0 <= int(letters.min()) <= int(letters.max()) < len(LETTERS):
        raise FoundationError(
            f"letters run from {int(letters.min())} to {int(letters.max())}. Give 0 to 3, the places in {LETTERS}."
        )
