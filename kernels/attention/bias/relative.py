"""RelativeBias: a table of each head over the clipped distance of two positions."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from foundation.kernels.attention.bias.ragged import RaggedBias
from foundation.kernels.attention.layout import AttentionLayout


@dataclass(frozen=True, eq=False)
class RelativeBias:
    """table[head, clip(key position - query position, -R, R) + R].

    Args:
        table: [heads, 2 R + 1].
        query_at: [Tq], position of each query row, in steps.
        key_at: [Tk].

    Raises:
        ValueError: the table has an even width, or a NaN (looked for on the CPU only; elsewhere call `check`).
    """

    table: Float[Tensor, "heads width"]
    query_at: Int[Tensor, "Tq"]
    key_at: Int[Tensor, "Tk"]

    def __post_init__(self) -> None:
        if self.table.shape[1] % 2 == 0:
            raise ValueError(
                f"relative bias: a table of {self.table.shape[1]} distances. Give 2 R + 1, for distances -R to R."
            )
        if self.table.device.type == "cpu":
            self.check()

    def check(self) -> None:
        """Look at every value: a GPU has to finish its work first.

        Raises:
            ValueError: a value is NaN.
        """
        if bool(self.table.isnan().any()):
            raise ValueError("relative bias: the table has a NaN. Give numbers.")

    @property
    def reach(self) -> int:
        """R."""
        return self.table.shape[1] // 2

    def dense(self, layout: AttentionLayout, heads: int) -> Float[Tensor, "heads Tq Tk"]:
        """Of all pairs of rows; for the reference."""
        return self.table[:, self._bins(self.query_at[:, None], self.key_at[None, :])]

    def ragged(self, layout: AttentionLayout) -> RaggedBias:
        """The same as a number for every pair of rows of a segment; its gradient is that of looking up."""
        seen = layout.seen_segments.tolist()
        queries = self.query_at.split(torch.diff(layout.query_offsets).tolist())
        keys = self.key_at.split(torch.diff(layout.key_offsets).tolist())
        bins = (self._bins(q[:, None], keys[i][None, :]) for q, i in zip(queries, seen, strict=True))
        return RaggedBias.of([self.table[:, distances] for distances in bins])

    def _bins(self, query_at: Int[Tensor, "..."], key_at: Int[Tensor, "..."]) -> Int[Tensor, "..."]:
        return torch.clamp(key_at - query_at, -self.reach, self.reach).long() + self.reach
