"""RelativeBias: a table of each head over the clipped distance of two positions."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

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

    def pieces(
        self,
        layout: AttentionLayout,
        heads: int,
        rows: Sequence[tuple[Int[Tensor, "_ _"], Int[Tensor, "_ _"]]],
    ) -> list[Float[Tensor, "_ _ _ _"]]:
        """The bias [B, heads, n, m] of each of several groups of B pieces of query rows [B, n] and key rows [B, m]."""
        bins = (self._bins(self.query_at[query].unsqueeze(2), self.key_at[key].unsqueeze(1)) for query, key in rows)
        return [self.table[:, bin].transpose(0, 1) for bin in bins]

    def _bins(self, query_at: Int[Tensor, "..."], key_at: Int[Tensor, "..."]) -> Int[Tensor, "..."]:
        return torch.clamp(key_at - query_at, -self.reach, self.reach).long() + self.reach
