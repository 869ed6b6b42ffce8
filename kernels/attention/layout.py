"""AttentionLayout: who sees whom in a packed batch, in a few integers a row and never as a dense mask.

Two rows see each other's keys by one rule: a key is visible to a query if both lie in the same segment and either
their codes are equal or the key's code is even and not larger. Content carries the code 2k and queries 2k - 1, where k
is the reveal step (DESIGN section 1); a strictly sequential order is the even codes 2 * rank. With the keys of each
segment sorted content first and then by code, the visible keys of any row are a prefix of the content and one window:
start, prefix, lo, hi. Kinds of keys may be hidden from a row on top of that, by one bit a kind.
"""

from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Int, Integer
from torch import Tensor

from foundation.kernels.attention.layout_check import check_parts, check_values
from foundation.kernels.attention.plan import Plan
from foundation.kernels.attention.segments import segment_of
from foundation.kernels.attention.tiles import Tiles

ALIGNED = 8  # entries to which a row of a ragged bias is rounded up: 16 bytes of bfloat16


@dataclass(frozen=True, eq=False)
class AttentionLayout:
    """Segments and codes of the query rows and of the key rows.

    Ranks, lengths and devices are checked when a layout is made; its values too where that makes no GPU wait, that is
    on the CPU. Batches are built there; for a layout built on a GPU call `check` once.

    Args:
        query_offsets: int64 [N + 1], rows query_offsets[i] to query_offsets[i + 1] are segment i.
        query_code: int64 [Tq].
        key_offsets: int64 [M + 1].
        key_code: int64 [Tk], in each segment sorted: even codes first, each parity ascending.
        key_of: int64 [N], the key segment that each query segment sees, so that many may share one; None = its own
            number, and M = N.
        sees: int32 [Tq], bit j says that the row may see keys of kind j; None = all.
        kind: uint8 [Tk], 0 to 30; given if and only if `sees` is.

    Raises:
        ValueError: parts that do not fit each other, in one sentence.
    """

    query_offsets: Int[Tensor, "bounds"]
    query_code: Int[Tensor, "Tq"]
    key_offsets: Int[Tensor, "key_bounds"]
    key_code: Int[Tensor, "Tk"]
    key_of: Int[Tensor, "segments"] | None = None
    sees: Integer[Tensor, "Tq"] | None = None
    kind: Integer[Tensor, "Tk"] | None = None
    _tiles: dict[tuple[int, int], Tiles] = field(default_factory=dict, init=False, repr=False)
    _places: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        check_parts(self._parts)
        if self.query_code.device.type == "cpu":
            self.check()

    @classmethod
    def packed(
        cls,
        offsets: Int[Tensor, "bounds"],
        code: Int[Tensor, "T"],
        sees: Integer[Tensor, "T"] | None = None,
        kind: Integer[Tensor, "T"] | None = None,
    ) -> "AttentionLayout":
        """Self-attention: the rows are both queries and keys."""
        return cls(offsets, code, offsets, code, sees=sees, kind=kind)

    def check(self) -> None:
        """Check the values as well: a GPU has to finish its work first.

        Raises:
            ValueError: offsets, codes, shared segments or kinds out of order or out of range.
        """
        check_values(**self._parts)

    def to(self, device: torch.device | str) -> "AttentionLayout":
        """The same layout on another device."""
        # by identity: the two sides of self-attention stay one tensor
        moved = {id(part): part.to(device) for part in self._parts.values() if part is not None}
        return replace(self, **{name: moved.get(id(part)) for name, part in self._parts.items()})

    @property
    def _parts(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self) if f.init}

    @property
    def query_segment(self) -> Int[Tensor, "Tq"]:
        """Segment of each query row."""
        return segment_of(self.query_offsets, len(self.query_code))

    @property
    def key_segment(self) -> Int[Tensor, "Tk"]:
        """Segment of each key row."""
        return segment_of(self.key_offsets, len(self.key_code))

    @property
    def seen_segment(self) -> Int[Tensor, "Tq"]:
        """Key segment that each query row sees."""
        return self.query_segment if self.key_of is None else self.key_of[self.query_segment]

    @property
    def seen_segments(self) -> Int[Tensor, "segments"]:
        """Key segment that each query segment sees."""
        segments = len(self.query_offsets) - 1
        return torch.arange(segments, device=self.query_offsets.device) if self.key_of is None else self.key_of

    @property
    def ranges(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """start, prefix, lo, hi, each int64 [Tq]: row i sees keys start..start + prefix and lo..hi."""
        span = torch.cat([self.query_code, self.key_code, self.query_code.new_zeros(1)]).max() + 2
        rank = self.key_segment * (2 * span) + (self.key_code % 2) * span + self.key_code  # ascending by construction
        seen = self.seen_segment
        base, start = seen * (2 * span), self.key_offsets[seen]
        prefix = torch.searchsorted(rank, base + self.query_code, right=True) - start
        odd = (self.query_code % 2) == 1
        own = base + span + self.query_code
        lo = torch.where(odd, torch.searchsorted(rank, own), start)
        hi = torch.where(odd, torch.searchsorted(rank, own, right=True), start)
        return start, prefix, lo, hi

    @cached_property
    def bounds(self) -> Int[Tensor, "3 Tq"]:
        """int32: row i sees keys of its segment up to bounds[0, i], and bounds[1, i]..bounds[2, i]; for the kernels."""
        start, prefix, lo, hi = self.ranges
        return torch.stack([start + prefix, lo, hi]).int()

    @cached_property
    def plan(self) -> Plan:
        """The visible pairs as dense pieces of few shapes, for a path without a kernel of its own."""
        ranges = torch.stack(self.ranges, 1)
        return Plan.of(ranges, self.query_segment, len(self.key_code), self.sees, self.kind)

    def tiles(self, block_m: int, block_n: int) -> Tiles:
        """Which blocks of `block_n` keys each tile of `block_m` queries visits; made once, used by all layers."""
        shape = block_m, block_n
        if shape not in self._tiles:
            sides = self.query_offsets, self.key_offsets, self.seen_segments
            self._tiles[shape] = Tiles.of(*sides, self.bounds, self.sees, self.kind, block_m, block_n)
        return self._tiles[shape]

    def bias_places(self, heads: int) -> tuple[Int[Tensor, "Tq"], Int[Tensor, "Tq"]]:
        """int64: where the ragged bias of each query row begins in flat storage, and how far apart its heads are."""
        if heads not in self._places:
            length, keys = torch.diff(self.query_offsets), torch.diff(self.key_offsets)
            width = -(-keys[self.seen_segments] // ALIGNED) * ALIGNED
            block, segment = length * width, self.query_segment
            row = torch.arange(len(segment), device=segment.device) - self.query_offsets[segment]
            begin = heads * (block.cumsum(0) - block)
            self._places[heads] = begin[segment] + row * width[segment], block[segment]
        return self._places[heads]
