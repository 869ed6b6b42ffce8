"""Plan: the visible pairs of a layout cut into dense pieces of few shapes, so that nothing has to be padded.

Consecutive rows that see the same keys form a rectangle without a mask. A segment with many rectangles (a strictly
sequential order has one a row) becomes a single masked piece instead. Pieces of equal shape from all segments go
together into one call.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int, Integer
from torch import Tensor

MOST_RECTANGLES = 12  # of one segment; beyond it one masked call was faster (one thread, 128 and 512 rows)


@dataclass(frozen=True, eq=False)
class Block:
    """Pieces of one shape: in each, `queries` rows see `keys` key rows.

    Args:
        visible: bool [pieces, 1, queries, keys], or None if every row of a piece sees all its keys.
    """

    pieces: int
    queries: int
    keys: int
    visible: Bool[Tensor, "B 1 n m"] | None


@dataclass(frozen=True, eq=False)
class Plan:
    """The blocks, and the rows they take in turn.

    Args:
        blocks: together they hold every query row once.
        query_order: int64 [Tq], query rows block by block; None if that is their own order.
        query_place: int64 [Tq], the place of each query row in that order; None with it.
        key_order: int64 [sum of pieces * keys], key rows block by block; None if that is every key row once, in order.
    """

    blocks: tuple[Block, ...]
    query_order: Int[Tensor, "Tq"] | None
    query_place: Int[Tensor, "Tq"] | None
    key_order: Int[Tensor, "K"] | None

    @classmethod
    def of(
        cls,
        ranges: Int[Tensor, "Tq 4"],
        segment: Int[Tensor, "Tq"],
        keys: int,
        sees: Integer[Tensor, "Tq"] | None = None,
        kind: Integer[Tensor, "Tk"] | None = None,
    ) -> "Plan":
        """The plan for rows in `segment` that see keys start..start + prefix and lo..hi of `keys` key rows.

        With the bits `sees` of the rows and the `kind` of the keys every piece is masked.
        """
        device = ranges.device
        bits = None if sees is None or kind is None else (sees.cpu(), kind.cpu())
        pieces = _Pieces.of(ranges.cpu(), segment.cpu(), bits)
        shape = torch.stack([pieces.rows, pieces.prefix + pieces.window, pieces.masked.long()], 1)
        shapes, shape_of, counts = torch.unique(shape, dim=0, return_inverse=True, return_counts=True)
        order = torch.argsort(shape_of, stable=True)  # pieces by shape
        blocks = tuple(
            Block(len(members), n, m, pieces.visible(members, n, m).to(device) if masked else None)
            for (n, m, masked), members in zip(shapes.tolist(), order.split(counts.tolist()), strict=True)
        )
        query_order = torch.argsort(_inverse(order)[pieces.of_row], stable=True)
        key_order = pieces.key_rows(order)
        stay = torch.equal(query_order, torch.arange(len(segment)))
        return cls(
            blocks,
            None if stay else query_order.to(device),
            None if stay else _inverse(query_order).to(device),
            None if torch.equal(key_order, torch.arange(keys)) else key_order.to(device),
        )


@dataclass(frozen=True, eq=False)
class _Pieces:
    """P pieces on the CPU: the rows in each, the two ranges of keys they see, and whether rows differ within them."""

    ranges: Tensor  # [Tq, 4], of the rows
    bits: tuple[Tensor, Tensor] | None  # of the rows [Tq], kinds of the keys [Tk]
    of_row: Tensor  # [Tq], the piece of each row
    rows: Tensor  # [P], and so are the rest
    start: Tensor
    prefix: Tensor
    lo: Tensor
    window: Tensor
    masked: Tensor

    @classmethod
    def of(cls, ranges: Tensor, segment: Tensor, bits: tuple[Tensor, Tensor] | None) -> "_Pieces":
        """Rectangles, those of a crowded segment joined; rows that see nothing stay apart, for softmax needs a key."""
        first = torch.ones(len(ranges), dtype=torch.bool)
        first[1:] = (ranges[1:] != ranges[:-1]).any(1) | (segment[1:] != segment[:-1])
        rectangle, home = first.cumsum(0) - 1, segment[first]
        start, prefix, lo, hi = ranges[first].unbind(1)
        crowded = (torch.bincount(home)[home] > (MOST_RECTANGLES if bits is None else 0)) & (prefix + hi - lo > 0)
        _, piece = torch.unique(torch.where(crowded, home - len(segment), torch.arange(len(home))), return_inverse=True)
        count = int(piece.max()) + 1 if len(piece) else 0
        masked = torch.zeros(count, dtype=torch.bool).index_fill_(0, piece[crowded], True)
        end = torch.zeros(count, dtype=torch.long).scatter_reduce_(0, piece, torch.maximum(start + prefix, hi), "amax")
        start, prefix, lo, window = (
            torch.zeros(count, dtype=torch.long).scatter_(0, piece, x) for x in (start, prefix, lo, hi - lo)
        )
        prefix, window = torch.where(masked, end - start, prefix), torch.where(masked, 0, window)
        of_row = piece[rectangle]
        return cls(ranges, bits, of_row, torch.bincount(of_row, minlength=count), start, prefix, lo, window, masked)

    def visible(self, members: Tensor, rows: int, keys: int) -> Tensor:
        """Bool [members, 1, rows, keys]: what each row of these masked pieces of equal shape sees."""
        row = torch.argsort(self.of_row, stable=True)[torch.isin(self.of_row.sort(stable=True).values, members)]
        start, prefix, lo, hi = self.ranges[row].view(len(members), rows, 4, 1).unbind(2)  # [members, rows, 1] each
        key = start + torch.arange(keys)
        sees = (key < start + prefix) | ((key >= lo) & (key < hi))
        if self.bits is not None:
            words, kinds = self.bits
            sees &= (words[row].view(len(members), rows, 1) >> kinds[key].int()) & 1 != 0
        return sees.unsqueeze(1)

    def key_rows(self, order: Tensor) -> Tensor:
        """Key rows that the pieces see, piece by piece in `order`: first the prefix, then the window."""
        begin = torch.stack([self.start[order], self.lo[order]], 1).flatten()
        length = torch.stack([self.prefix[order], self.window[order]], 1).flatten()
        before = length.cumsum(0) - length
        return torch.arange(int(length.sum())) + torch.repeat_interleave(begin - before, length)


def _inverse(order: Tensor) -> Tensor:
    return torch.empty_like(order).scatter_(0, order, torch.arange(len(order)))
