"""Rows: what a small model reads of sequences, for each order of generation, laid end to end without padding."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from foundation.evaluation.anchored.task import Sequences
from foundation.kernels.attention import AttentionLayout
from foundation.model.anchored.order import LETTERS, Factorisation, Rows, grow

Order = Literal["pairs", "interleaved", "left_to_right", "any_order"]
LENGTH, ASKED = 7, 8  # ids after those of `model.anchored.order`: a row that tells the length, one that asks
SYMBOLS = 9
NONE = -1  # target of a row that predicts nothing


@dataclass(frozen=True, eq=False)
class Batch:
    """R rows of n sequences.

    Args:
        ids: int64 [R], the symbol a row holds.
        index: int64 [R], its coordinate; signed from the anchor, or from the first letter in "any_order".
        side: int64 [R], of what it predicts.
        target: int64 [R], what it predicts; NONE = nothing.
        condition: int64 [R].
        layout: who sees whom.
    """

    ids: Int[Tensor, "R"]
    index: Int[Tensor, "R"]
    side: Int[Tensor, "R"]
    target: Int[Tensor, "R"]
    condition: Int[Tensor, "R"]
    layout: AttentionLayout


def training_batch(sequences: Sequences, order: Order, rng: np.random.Generator) -> Batch:
    """The rows of whole sequences, with their targets."""
    if order == "any_order":
        return any_order_batch(sequences, [rng.permutation(int(n)) for n in sequences.length])
    anchors = (0 * sequences.anchor if order == "left_to_right" else sequences.anchor).tolist()
    rows = [pattern(n, at, order, (True, True)) for n, at in zip(sequences.length.tolist(), anchors, strict=True)]
    return ordered_batch(rows, anchors, sequences.letters, sequences.condition)


@lru_cache(maxsize=65536)
def pattern(n: int, anchor: int, order: Factorisation, ends: tuple[bool, bool]) -> Rows:
    """The rows of any sequence of n letters with this anchor, as `grow` makes them, its letters standing for all."""
    return grow(torch.zeros(n, dtype=torch.long), anchor, order, ends)


def ordered_batch(
    rows: Sequence[Rows],
    anchors: Sequence[int],
    letters: Int[np.ndarray, "n longest"],
    condition: Int[np.ndarray, "n"],
) -> Batch:
    """Patterns of several sequences, filled with their letters."""
    ids, index, side, target, place, group = (
        torch.cat([getattr(r, name) for r in rows]) for name in ("ids", "index", "side", "target", "place", "group")
    )
    offsets, document = _documents(rows)
    known = torch.from_numpy(letters)
    own = torch.tensor(anchors)[document] + index - 1
    ids = torch.where(ids < len(LETTERS), _at(known, document, own), ids)
    target = torch.where((target >= 0) & (target < len(LETTERS)), _at(known, document, place), target)
    layout = AttentionLayout.packed(offsets, 2 * group)
    return Batch(ids, index, side, target, torch.from_numpy(condition)[document], layout)


def any_order_batch(sequences: Sequences, orders: Sequence[Int[np.ndarray, "_"]], step: int | None = None) -> Batch:
    """Sequences whose letters become known in these orders; each is asked for by a row of its own.

    Args:
        step: ask for the letter of this place in the order alone, where there is one; None = for all.
    """
    rows = [_asking(torch.from_numpy(order), step) for order in orders]
    ids, index, side, code = (torch.cat([getattr(r, name) for r in rows]) for name in ("ids", "index", "side", "group"))
    offsets, document = _documents(rows)
    letter = _at(torch.from_numpy(sequences.letters), document, index)
    target = torch.where(ids == ASKED, letter, NONE)
    ids = torch.where(ids < len(LETTERS), letter, ids)
    condition = torch.from_numpy(sequences.condition)[document]
    return Batch(ids, index, side, target, condition, AttentionLayout.packed(offsets, code))


def _asking(order: Int[Tensor, "n"], step: int | None) -> Rows:
    """A row that tells the length, the known letters with even codes, and the asking rows with the odd ones below."""
    n = len(order)
    rank = torch.arange(n)
    known, asking = (rank[:-1], rank) if step is None else (rank[:step], rank[step : step + 1])
    index = torch.cat([order.new_tensor([n]), order[known], order[asking]])
    ids = torch.cat([order.new_tensor([LENGTH]), 0 * known, torch.full_like(asking, ASKED)])
    code = torch.cat([order.new_tensor([0]), 2 * known + 2, 2 * asking + 1])
    return Rows(ids, index, 0 * index, ids, index, code)


def _documents(rows: Sequence[Rows]) -> tuple[Int[Tensor, "bounds"], Int[Tensor, "R"]]:
    sizes = torch.tensor([len(r) for r in rows])
    return torch.cat([sizes.new_zeros(1), sizes.cumsum(0)]), torch.arange(len(rows)).repeat_interleave(sizes)


def _at(letters: Int[Tensor, "n longest"], document: Tensor, place: Int[Tensor, "R"]) -> Int[Tensor, "R"]:
    """The letter at a place of a document; any where the place lies outside."""
    return letters[document, place.clamp(0, letters.shape[1] - 1)]
