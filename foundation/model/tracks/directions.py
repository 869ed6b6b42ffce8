"""Directions: heads that look at all rows, at earlier ones or at later ones, without a mask of all pairs.

What a head sees that looks back is plain causal attention. One that looks ahead does the same on the rows of each
segment in reverse. So a dense [heads, T, T] mask, 2.4 GB of booleans at 10,000 rows and 24 heads, is never made.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from foundation.kernels.attention import AttentionLayout, attention


@dataclass(frozen=True, eq=False)
class Directions:
    """Who sees whom, for three groups of heads.

    Args:
        back: of heads that look at earlier rows.
        ahead: of heads that look at later rows, with the rows in the order of `flip`.
        both: of all other heads.
        flip: int64 [T], the rows of each segment in reverse; its own inverse.
    """

    back: AttentionLayout
    ahead: AttentionLayout
    both: AttentionLayout
    flip: Int[Tensor, "T"]

    def attend(
        self,
        q: Float[Tensor, "T heads dim"],
        k: Float[Tensor, "T heads dim"],
        v: Float[Tensor, "T heads dim"],
        each: int,
    ) -> Float[Tensor, "T heads dim"]:
        """What each row gathers; the first `each` heads look back, as many look ahead, the others both ways."""
        back, ahead, rest = ([x[:, heads] for x in (q, k, v)] for heads in _groups(each))
        gathered = attention(rest[0], rest[1], rest[2], self.both)
        if not each:
            return gathered
        q, k, v = (x[self.flip] for x in ahead)
        parts = attention(back[0], back[1], back[2], self.back), attention(q, k, v, self.ahead)[self.flip]
        return torch.cat([*parts, gathered], 1)


def _groups(each: int) -> tuple[slice, slice, slice]:
    return slice(each), slice(each, 2 * each), slice(2 * each, None)


def reversed_within(offsets: Int[Tensor, "bounds"], first: int = 0) -> Int[Tensor, "T"]:
    """Row numbers with those of each segment in reverse, but for its `first` rows."""
    lengths = torch.diff(offsets)
    segment = torch.repeat_interleave(torch.arange(len(lengths), device=offsets.device), lengths)
    row = torch.arange(len(segment), device=offsets.device)
    rank = row - offsets[segment]
    return torch.where(rank < first, row, offsets[segment + 1] - 1 - (rank - first))


def rank_within(offsets: Int[Tensor, "bounds"]) -> Int[Tensor, "T"]:
    """Number of each row within its segment."""
    lengths = torch.diff(offsets)
    row = torch.arange(int(lengths.sum()), device=offsets.device)
    return row - torch.repeat_interleave(offsets[:-1], lengths)
