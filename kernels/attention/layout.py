"""AttentionLayout: who sees whom in a packed batch, in four integers a row and never as a dense mask.

Two rows see each other's keys by one rule: a key is visible to a query if both lie in the same segment and either
their codes are equal or the key's code is even and not larger. Content carries the code 2k and queries 2k - 1, where k
is the reveal step (DESIGN section 1). With the keys of each segment sorted content first and then by code, the
visible keys of any row are a prefix of the content and one window: start, prefix, lo, hi.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Int
from torch import Tensor

from foundation.kernels.attention.plan import Plan


@dataclass(frozen=True, eq=False)
class AttentionLayout:
    """Segments and codes of the query rows and of the key rows.

    Args:
        query_offsets: int64 [N + 1], rows query_offsets[i] to query_offsets[i + 1] are segment i.
        query_code: int64 [Tq].
        key_offsets: int64 [N + 1].
        key_code: int64 [Tk], in each segment sorted: even codes first, each parity ascending.
    """

    query_offsets: Int[Tensor, "bounds"]
    query_code: Int[Tensor, "Tq"]
    key_offsets: Int[Tensor, "bounds"]
    key_code: Int[Tensor, "Tk"]

    @classmethod
    def packed(cls, offsets: Int[Tensor, "bounds"], code: Int[Tensor, "T"]) -> "AttentionLayout":
        """Self-attention: the rows are both queries and keys."""
        return cls(offsets, code, offsets, code)

    def to(self, device: torch.device | str) -> "AttentionLayout":
        """The same layout on another device."""
        same = self.query_code is self.key_code and self.query_offsets is self.key_offsets
        offsets, code = self.query_offsets.to(device), self.query_code.to(device)
        if same:
            return AttentionLayout.packed(offsets, code)
        return AttentionLayout(offsets, code, self.key_offsets.to(device), self.key_code.to(device))

    @cached_property
    def query_segment(self) -> Int[Tensor, "Tq"]:
        """Segment of each query row."""
        return segment_of(self.query_offsets, len(self.query_code))

    @cached_property
    def key_segment(self) -> Int[Tensor, "Tk"]:
        """Segment of each key row."""
        return segment_of(self.key_offsets, len(self.key_code))

    @cached_property
    def ranges(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """start, prefix, lo, hi, each int64 [Tq]: row i sees keys start..start + prefix and lo..hi."""
        span = int(torch.cat([self.query_code, self.key_code, self.query_code.new_zeros(1)]).max()) + 2
        rank = self.key_segment * (2 * span) + (self.key_code % 2) * span + self.key_code  # ascending by construction
        base = self.query_segment * (2 * span)
        start = self.key_offsets[self.query_segment]
        prefix = torch.searchsorted(rank, base + self.query_code, right=True) - start
        odd = (self.query_code % 2) == 1
        own = base + span + self.query_code
        lo = torch.where(odd, torch.searchsorted(rank, own), start)
        hi = torch.where(odd, torch.searchsorted(rank, own, right=True), start)
        return start, prefix, lo, hi

    @cached_property
    def plan(self) -> Plan:
        """The visible pairs as dense pieces of few shapes, for a path without a kernel of its own."""
        return Plan.of(torch.stack(self.ranges, 1), self.query_segment, len(self.key_code))


def segment_of(offsets: Int[Tensor, "bounds"], rows: int) -> Int[Tensor, "rows"]:
    """Segment index of each of `rows` packed rows."""
    index = torch.arange(len(offsets) - 1, device=offsets.device)
    return torch.repeat_interleave(index, torch.diff(offsets), output_size=rows)
