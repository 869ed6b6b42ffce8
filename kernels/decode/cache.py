"""Keys and values that outlive a step: one growing cache for each sequence, or fixed ones that many samples share.

Rows are stored in the order in which they were made, whatever their positions, so what a new row sees is a prefix and
nothing stored ever moves. Storage is a whole number of blocks of BLOCK rows: every path works block by block, in this
order, so that a result does not depend on what else is in the batch.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from foundation.kernels.decode.tiles import Tiles

BLOCK = 64  # keys


class KeyValueCache:
    """Append-only keys and values of some sequences.

    Args:
        sequences: how many.
        steps: most rows of a sequence.
        heads, dim: of the keys.
        dtype, device: of the storage; float32 on the CPU if None.
    """

    def __init__(
        self,
        sequences: int,
        steps: int,
        heads: int,
        dim: int,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        self.steps = steps
        shape = (sequences, -(-steps // BLOCK) * BLOCK, heads, dim)
        self.keys, self.values = (laid_out(torch.zeros(shape, dtype=dtype, device=device)) for _ in range(2))
        self.lengths = torch.zeros(sequences, dtype=torch.int64, device=device)
        self.longest = 0  # on the host: reading `lengths` would wait for the device

    def append(self, k: Float[Tensor, "sequences new heads dim"], v: Float[Tensor, "sequences new heads dim"]) -> None:
        """Store the new rows of every sequence behind its old ones.

        Raises:
            ValueError: other sequences or heads than those of the cache, or no room.
        """
        if k.shape != v.shape or (len(k), *k.shape[2:]) != (len(self.keys), *self.keys.shape[2:]):
            raise ValueError(
                f"KeyValueCache: got keys {list(k.shape)} and values {list(v.shape)} for {len(self.keys)} sequences of "
                f"{list(self.keys.shape[2:])}. Give [sequences, new, heads, dim], after `keep` only those kept."
            )
        if self.longest + k.shape[1] > self.steps:
            raise ValueError(
                f"KeyValueCache: {self.longest} rows and {k.shape[1]} new ones, but room for {self.steps}. "
                "Build the cache with more steps."
            )
        place = self.lengths[:, None] + torch.arange(k.shape[1], device=k.device)  # [sequences, new]
        sequence = torch.arange(len(k), device=k.device)[:, None]
        self.keys[sequence, place], self.values[sequence, place] = k.to(self.keys.dtype), v.to(self.values.dtype)
        self.lengths += k.shape[1]
        self.longest += k.shape[1]

    def withdraw(self, rows: Int[Tensor, "sequences"]) -> None:
        """Take back the newest rows of each sequence, where not all of them had so many to add; `append` writes there.

        Raises:
            ValueError: more rows than a sequence has.
        """
        lengths = self.lengths - rows
        if bool((rows < 0).any() | (lengths < 0).any()):
            raise ValueError(
                f"KeyValueCache: withdraw {rows.tolist()} rows of {self.lengths.tolist()}. Give 0 up to what there is."
            )
        self.lengths, self.longest = lengths, int(lengths.max()) if len(lengths) else 0

    def keep(self, index: Int[Tensor, "kept"]) -> None:
        """Go on with these sequences alone, in this order; the others are finished."""
        self.keys, self.values = (laid_out(x[index]) for x in (self.keys, self.values))
        self.lengths = self.lengths[index]


@dataclass(frozen=True, eq=False)
class SharedKeys:
    """Keys and values that do not grow, each segment read by any number of samples, as many designs for one protein.

    Args:
        keys: [segments, most, heads, dim], finite also beyond a segment's length.
        values: as keys.
        lengths: int64 [segments], rows that count.
        segment: int64 [samples], the segment of each sample.

    Raises:
        ValueError: shapes that do not belong together, or a segment that does not exist.
    """

    keys: Float[Tensor, "segments most heads dim"]
    values: Float[Tensor, "segments most heads dim"]
    lengths: Int[Tensor, "segments"]
    segment: Int[Tensor, "samples"]

    def __post_init__(self) -> None:
        if self.keys.shape != self.values.shape or len(self.lengths) != len(self.keys):
            raise ValueError(
                f"SharedKeys: keys are {list(self.keys.shape)}, values {list(self.values.shape)}, lengths "
                f"{list(self.lengths.shape)}. Give twice [segments, most, heads, dim] and [segments]."
            )
        if len(self.segment) and not 0 <= int(self.segment.min()) <= int(self.segment.max()) < len(self.keys):
            raise ValueError(
                f"SharedKeys: segment runs from {int(self.segment.min())} to {int(self.segment.max())} for "
                f"{len(self.keys)} segments. Give 0 to {len(self.keys) - 1}."
            )

    @cached_property
    def blocks(self) -> tuple[Tensor, Tensor]:
        """Keys and values filled up to whole blocks, as the device wants them laid out."""
        missing = -self.keys.shape[1] % BLOCK
        keys, values = (F.pad(x, (0, 0, 0, 0, 0, missing)) if missing else x for x in (self.keys, self.values))
        return laid_out(keys), laid_out(values)

    @cached_property
    def tiles(self) -> Tiles:
        """Samples stacked by segment, for one row a sample and step."""
        return Tiles.stacked(self.segment, 1)

    @cached_property
    def pair_tiles(self) -> Tiles:
        """The same for two rows."""
        return Tiles.stacked(self.segment, 2)

    def keep(self, index: Int[Tensor, "kept"]) -> "SharedKeys":
        """For these samples alone, in this order; keys and values stay where they are."""
        return SharedKeys(self.keys, self.values, self.lengths, self.segment[index])


def laid_out(rows: Float[Tensor, "segments stored heads dim"]) -> Float[Tensor, "segments stored heads dim"]:
    """The same numbers; on the CPU with the rows of a head next to each other, so that products need no copy."""
    return rows.transpose(1, 2).contiguous().transpose(1, 2) if rows.device.type == "cpu" else rows
