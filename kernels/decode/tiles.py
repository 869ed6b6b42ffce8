"""Tiles: query rows that read the same keys, stacked so that one matrix product serves them all."""

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

HEIGHT = 16  # rows of a stacked tile; fixed, so that a row's result does not depend on how many it is stacked with


@dataclass(frozen=True, eq=False)
class Tiles:
    """Which rows stand in which tile.

    Args:
        rows: int64 [tiles, height], indices of query rows (sample by sample), -1 = empty.
        segment: int64 [tiles], whose keys they read.
        apart: whether the i-th tile reads the i-th segment, for all of these.
    """

    rows: Int[Tensor, "tiles height"]
    segment: Int[Tensor, "tiles"]
    apart: bool = False

    @classmethod
    def own(cls, sequences: int, new: int, device: torch.device) -> "Tiles":
        """A tile for each sequence, with its `new` rows."""
        rows = torch.arange(sequences * new, device=device).view(sequences, new)
        return cls(rows, torch.arange(sequences, device=device), apart=True)

    @classmethod
    def stacked(cls, segment: Int[Tensor, "samples"], new: int) -> "Tiles":
        """Rows of all samples of one segment together, HEIGHT to a tile."""
        home = segment.repeat_interleave(new)  # [rows]
        order = torch.argsort(home, stable=True)
        count = torch.bincount(home)
        tiles = (count + HEIGHT - 1) // HEIGHT
        rank = torch.arange(len(home), device=home.device) - (count.cumsum(0) - count)[home[order]]
        tile = (tiles.cumsum(0) - tiles)[home[order]] + rank // HEIGHT
        rows = home.new_full((int(tiles.sum()), HEIGHT), -1)
        rows[tile, rank % HEIGHT] = order
        return cls(rows, torch.arange(len(count), device=home.device).repeat_interleave(tiles))
