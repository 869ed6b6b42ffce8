"""Rows of the encoder and of the decoder, from the elements of a TokenBatch.

Content elements of one document, track and position are one row of the encoder: their vectors are summed. Rows of a
document stand track by track and in each by position, after the registers. Queries of one space of a document form a
segment of the decoder: they see each other and no other queries.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from foundation.batch import TokenBatch
from foundation.errors import FoundationError
from foundation.kernels.attention import AttentionLayout
from foundation.model.tracks.directions import Directions, rank_within, reversed_within


@dataclass(frozen=True, eq=False)
class GivenRows:
    """R rows of N documents.

    Args:
        row: int64 [C], the row of each content element, in the order of `batch.content_rows`.
        index: int64 [R], the place in its track; of registers their number.
        offsets: int64 [N + 1], first rows of the documents.
        registers: rows at the beginning of each document.
    """

    row: Int[Tensor, "C"]
    index: Int[Tensor, "R"]
    offsets: Int[Tensor, "bounds"]
    registers: int

    @classmethod
    def of(cls, batch: TokenBatch, registers: int) -> "GivenRows":
        """The rows of a batch.

        Raises:
            FoundationError: something is asked in a later step than the first.
        """
        if len(batch) and int(batch.code.max()) > 1:
            raise FoundationError(
                f"A batch with {(int(batch.code.max()) + 1) // 2} reveal steps for a model of summed tracks, which "
                "asks everything at once. Use the policy SplitTrack, or replay the steps one by one."
            )
        content = batch.content_rows
        place = batch.position[content, 0].round().long()
        unique, inverse = distinct(batch.document[content], batch.track[content], place)
        counts = torch.bincount(unique[:, 0], minlength=batch.documents) + registers
        offsets = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        number = torch.arange(len(unique), device=unique.device) + registers * (unique[:, 0] + 1)
        index = rank_within(offsets)  # of registers; the others follow
        index[number] = unique[:, 2]
        return cls(number[inverse], index, offsets, registers)

    @cached_property
    def is_register(self) -> Bool[Tensor, "R"]:
        """Which rows are registers."""
        return rank_within(self.offsets) < self.registers

    @cached_property
    def directions(self) -> Directions:
        """All rows of a document see each other, but for the heads that look one way; registers see and are seen."""
        rank = rank_within(self.offsets)
        last = torch.diff(self.offsets).repeat_interleave(torch.diff(self.offsets))
        key = 2 * torch.where(self.is_register, 0, rank)
        query = torch.where(self.is_register, 2 * last, key)
        causal = AttentionLayout(self.offsets, query, self.offsets, key)
        both = AttentionLayout.packed(self.offsets, torch.zeros_like(rank))
        return Directions(causal, causal, both, reversed_within(self.offsets, self.registers))


@dataclass(frozen=True, eq=False)
class AskedRows:
    """Q queries, sorted by document, space and position; those that begin a text come last among their own.

    Args:
        order: int64 [Q], which of `batch.query_rows` each is.
        index: int64 [Q], the place in its track that turns the heads; in text that of the token before.
        before: int64 [Q], in text the element whose token comes before; -1 = none, and in other spaces.
        text: whether each is of a text space.
        offsets: int64 [N + 1], first queries of the documents.
        segments: int64 [P + 1], first queries of the spaces of documents.
    """

    order: Int[Tensor, "Q"]
    index: Int[Tensor, "Q"]
    before: Int[Tensor, "Q"]
    text: Bool[Tensor, "Q"]
    offsets: Int[Tensor, "bounds"]
    segments: Int[Tensor, "parts"]

    @classmethod
    def of(cls, batch: TokenBatch, text: Sequence[int]) -> "AskedRows":
        """The queries of a batch; `text`: indices of the spaces that are text."""
        rows, place = batch.query_rows, batch.position[:, 0].round().long()
        document, space = batch.document[rows], batch.space[rows]
        order = _sorted(document, space, place[rows])
        is_text = torch.isin(space, space.new_tensor(list(text)))
        before = torch.full_like(rows, -1)
        before[order] = torch.where(is_text[order], _before(batch, rows[order], place), -1)
        order = _sorted(document, space, (is_text & (before < 0)).long(), place[rows])
        before, is_text, document, space = (x[order] for x in (before, is_text, document, space))
        begins = torch.ones_like(is_text)
        begins[1:] = (document[1:] != document[:-1]) | (space[1:] != space[:-1])
        begin = torch.nonzero(begins).flatten()
        segments = torch.cat([begin, begin.new_tensor([len(order)])])
        index = torch.where(before >= 0, place[before.clamp(min=0)], place[rows[order]])
        return cls(order, index, before, is_text, _offsets(document, batch.documents), segments)

    @cached_property
    def directions(self) -> Directions:
        """Queries of one space see each other; those of text see what comes before, and none that begins a text."""
        rank = rank_within(self.segments)
        beginning = self.text & (self.before < 0)
        causal = torch.where(beginning, 1, 2 * rank + 2)
        back = AttentionLayout.packed(self.segments, causal)
        both = AttentionLayout.packed(self.segments, torch.where(self.text, causal, 0))
        alone = 2 * rank + self.text  # ahead of a token of text lies nothing that it may see
        return Directions(back, AttentionLayout.packed(self.segments, alone), both, reversed_within(self.segments))

    def to_given(self, given: GivenRows) -> AttentionLayout:
        """All queries of a document see all its rows."""
        query, key = self.order.new_zeros(len(self.order)), given.index.new_zeros(len(given.index))
        return AttentionLayout(self.offsets, query, given.offsets, key)


def _before(batch: TokenBatch, element: Int[Tensor, "Q"], place: Int[Tensor, "E"]) -> Int[Tensor, "Q"]:
    """The nearest element before each of these, of its document and space, given or asked; -1 = none."""
    content = batch.content_rows
    every = torch.cat([content, element])
    name = distinct(batch.document[every], batch.space[every])[1]
    order = _sorted(name, place[every])
    first = torch.ones_like(order, dtype=torch.bool)
    first[1:] = name[order][1:] != name[order][:-1]
    before = torch.empty_like(every)
    before[order] = torch.where(first, -1, every[order].roll(1))
    return before[len(content) :]


def distinct(*keys: Int[Tensor, "n"]) -> tuple[Int[Tensor, "m keys"], Int[Tensor, "n"]]:
    """Distinct tuples of keys, sorted by the first, then by the next, ...; and which of them each is.

    As one number each they are sorted some ten times faster than as rows.
    """
    if not len(keys[0]):
        return torch.stack(keys, 1), keys[0]
    low = [int(key.min()) for key in keys]
    size = [int(key.max()) - least + 1 for key, least in zip(keys, low, strict=True)]
    number = keys[0] - low[0]
    for key, least, count in zip(keys[1:], low[1:], size[1:], strict=True):
        number = number * count + key - least
    unique, inverse = number.unique(return_inverse=True)
    parts = []
    for least, count in zip(low[:0:-1], size[:0:-1], strict=True):
        parts.append(unique % count + least)
        unique = unique // count
    return torch.stack([unique + low[0], *parts[::-1]], 1), inverse


def _sorted(*keys: Int[Tensor, "n"]) -> Int[Tensor, "n"]:
    """The order that sorts by the first key, then by the next, ..."""
    order = torch.arange(len(keys[0]), device=keys[0].device)
    for key in reversed(keys):
        order = order[torch.argsort(key[order], stable=True)]
    return order


def _offsets(document: Int[Tensor, "n"], documents: int) -> Int[Tensor, "bounds"]:
    counts = torch.bincount(document, minlength=documents)
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])
