"""Tiles: which blocks of keys each tile of queries visits, and the reverse, as lists that skip what nobody sees.

Tiles and blocks begin at the start of their segment and never reach into the next, so whether a pair of them is seen
wholly, in part or not at all follows from the extremes of a few ranges. Everything visible is a prefix and a window:
candidates are two runs of blocks a tile, and memory grows with the pairs of blocks seen, not with rows squared.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int, Integer
from torch import Tensor

from foundation.kernels.attention.layout_check import KINDS


@dataclass(frozen=True, eq=False)
class Visits:
    """What each program of a kernel visits, the longest program first so that none is left over at the end.

    Args:
        programs: int32 [n, 7]: first and end row of its own; first row and end of the segment it looks at; and its
            entries: those from column 4 to 5 are seen wholly, those from column 5 to 6 in part.
        begin: int32 [entries], first row visited, counted from the start of the segment looked at if that is one of
            keys, else among all rows.
        end: int32 [entries], the row after the last one visited, among all rows.
    """

    programs: Int[Tensor, "n 7"]
    begin: Int[Tensor, "entries"]
    end: Int[Tensor, "entries"]


@dataclass(frozen=True, eq=False)
class Tiles:
    """Both directions: tiles of queries visit blocks of keys, and blocks of keys visit tiles of queries."""

    queries: Visits
    keys: Visits

    @classmethod
    def of(
        cls,
        query_offsets: Int[Tensor, "bounds"],
        key_offsets: Int[Tensor, "key_bounds"],
        seen_segments: Int[Tensor, "segments"],
        bounds: Int[Tensor, "3 Tq"],
        sees: Integer[Tensor, "Tq"] | None,
        kind: Integer[Tensor, "Tk"] | None,
        block_m: int,
        block_n: int,
    ) -> "Tiles":
        """Tiles of `block_m` query rows and blocks of `block_n` key rows, for the ranges of a layout.

        On a GPU this waits three times for a number of tiles or pairs, which memory has to be asked for; once a batch.
        """
        tiles, blocks = _Cuts.of(query_offsets, block_m), _Cuts.of(key_offsets, block_n)
        seen = seen_segments[tiles.segment]  # [tiles], the key segment
        home = torch.repeat_interleave(torch.arange(len(seen), device=seen.device), tiles.end - tiles.begin)
        pairs = _Pairs.of(_Extremes.of(bounds.long(), home, len(seen)), key_offsets[seen], block_n)
        block = blocks.first[seen][pairs.tile] + pairs.nth
        whole = pairs.whole
        if sees is not None and kind is not None:
            some, every = _by_kind(sees, home, kind, blocks.of_row, pairs.tile, block, len(seen), len(blocks.begin))
            pairs, block, whole = pairs.keep(some), block[some], (whole & every)[some]
        return cls(
            _visits(tiles, pairs.tile, whole, pairs.nth * block_n, blocks.end[block], key_offsets, seen),
            _visits(
                blocks,
                block,
                whole & (tiles.end - tiles.begin == block_m)[pairs.tile],
                tiles.begin[pairs.tile],
                tiles.end[pairs.tile],
                key_offsets,
                blocks.segment,
            ),
        )


@dataclass(frozen=True, eq=False)
class _Cuts:
    """Segments cut into pieces of at most `size` rows."""

    begin: Tensor  # [pieces], rows
    end: Tensor  # [pieces]
    segment: Tensor  # [pieces]
    first: Tensor  # [segments], the first piece of each

    @classmethod
    def of(cls, offsets: Tensor, size: int) -> "_Cuts":
        count = -(-torch.diff(offsets) // size)
        first = count.cumsum(0) - count
        segment = torch.repeat_interleave(torch.arange(len(count), device=offsets.device), count)
        nth = torch.arange(len(segment), device=offsets.device) - first[segment]
        begin = offsets[segment] + nth * size
        return cls(begin, torch.minimum(begin + size, offsets[segment + 1]), segment, first)

    @property
    def of_row(self) -> Tensor:
        """The piece of each row."""
        return torch.repeat_interleave(torch.arange(len(self.begin), device=self.begin.device), self.end - self.begin)


@dataclass(frozen=True, eq=False)
class _Extremes:
    """Of the ranges of the rows in each tile, each [tiles]: what any of them sees, and what all of them see."""

    prefix: Tensor  # end, of any
    lo: Tensor
    hi: Tensor
    all_prefix: Tensor
    all_lo: Tensor
    all_hi: Tensor

    @classmethod
    def of(cls, bounds: Tensor, home: Tensor, tiles: int) -> "_Extremes":
        prefix, lo, hi = bounds
        empty = lo == hi
        far = torch.iinfo(torch.int64).max  # rows without a window do not widen the tile's

        def least(x: Tensor) -> Tensor:
            return _reduce(x, home, tiles, "amin")

        def most(x: Tensor) -> Tensor:
            return _reduce(x, home, tiles, "amax")

        any_lo, any_hi = least(lo.masked_fill(empty, far)), most(hi.masked_fill(empty, 0))
        return cls(most(prefix), torch.minimum(any_lo, any_hi), any_hi, least(prefix), most(lo), least(hi))


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Tiles with the blocks of keys that they see at least in part, as far as ranges tell, tile by tile."""

    tile: Tensor  # [pairs]
    nth: Tensor  # [pairs], block of the key segment
    whole: Tensor  # [pairs], every row of the tile sees every key of the block

    @classmethod
    def of(cls, seen: _Extremes, start: Tensor, size: int) -> "_Pairs":
        prefix = -(-(seen.prefix - start) // size)  # blocks 0 to prefix, then lo to hi
        lo = torch.maximum((seen.lo - start) // size, prefix)
        window = (-(-(seen.hi - start) // size) - lo).clamp(min=0)
        count = prefix + window
        tile = torch.repeat_interleave(torch.arange(len(count), device=count.device), count)
        nth = torch.arange(len(tile), device=count.device) - (count.cumsum(0) - count)[tile]
        nth = torch.where(nth < prefix[tile], nth, nth - prefix[tile] + lo[tile])
        begin = start[tile] + nth * size
        end = begin + size
        whole = (end <= seen.all_prefix[tile]) | ((begin >= seen.all_lo[tile]) & (end <= seen.all_hi[tile]))
        return cls(tile, nth, whole)

    def keep(self, some: Bool[Tensor, "pairs"]) -> "_Pairs":
        return _Pairs(self.tile[some], self.nth[some], self.whole[some])


def _by_kind(
    sees: Tensor, home: Tensor, kind: Tensor, block_of: Tensor, tile: Tensor, block: Tensor, tiles: int, blocks: int
) -> tuple[Tensor, Tensor]:
    """Of each pair of tile and block: whether the bits of any row admit any key, and those of every row every key."""
    bit = torch.arange(KINDS, device=kind.device)
    held = _reduce((kind.unsqueeze(1) == bit).byte(), block_of, blocks, "amax")[block]  # [pairs, KINDS]
    admits = (sees.unsqueeze(1) >> bit & 1).byte()  # [Tq, KINDS]
    any_row, every_row = (_reduce(admits, home, tiles, how)[tile] for how in ("amax", "amin"))
    return ((held & any_row) == 1).any(1), (held <= every_row).all(1)


def _visits(
    own: _Cuts, at: Tensor, whole: Tensor, begin: Tensor, end: Tensor, key_offsets: Tensor, seen: Tensor
) -> Visits:
    """Entries sorted by program `at`, the whole ones first; programs by falling number of entries."""
    order = torch.argsort(at * 2 + (~whole).long(), stable=True)
    edge = torch.searchsorted((at * 2 + (~whole).long())[order], torch.arange(2 * len(own.begin) + 1, device=at.device))
    first, middle, last = edge[:-1:2], edge[1::2], edge[2::2]
    columns = [own.begin, own.end, key_offsets[seen], key_offsets[seen + 1], first, middle, last]
    longest = torch.argsort(first - last, stable=True)
    return Visits(torch.stack(columns, 1)[longest].int(), begin[order].int(), end[order].int())


def _reduce(values: Tensor, home: Tensor, count: int, how: str) -> Tensor:
    """The least or most of the rows at each home, [count, ...]; every home has a row."""
    out = values.new_zeros((count, *values.shape[1:]))
    index = home.view(-1, *(1 for _ in values.shape[1:])).expand_as(values)
    return out.scatter_reduce(0, index, values, how, include_self=False)
