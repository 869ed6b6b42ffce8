"""RaggedBias: a number for every head and pair of rows of a segment, in flat storage without padding of segments."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from foundation.kernels.attention.layout import ALIGNED, AttentionLayout


@dataclass(frozen=True, eq=False)
class RaggedBias:
    """One block [heads, queries, keys] for each query segment, end to end; -inf hides a pair.

    Values are checked where that makes no GPU wait, on the CPU; elsewhere call `check`.

    Args:
        values: [sum of heads * queries * keys rounded up to 8], the keys being those the segment sees.

    Raises:
        ValueError: a value is NaN.
    """

    values: Float[Tensor, "_"]

    def __post_init__(self) -> None:
        if self.values.device.type == "cpu":
            self.check()

    @classmethod
    def of(cls, blocks: Sequence[Float[Tensor, "heads _ _"]]) -> "RaggedBias":
        """The flat form of dense blocks [heads, queries, keys], one for each query segment in turn."""
        flat = [F.pad(block, (0, -block.shape[-1] % ALIGNED)).flatten() for block in blocks]
        return cls(torch.cat(flat) if flat else torch.zeros(0))

    def check(self) -> None:
        """Look at every value: a GPU has to finish its work first.

        Raises:
            ValueError: a value is NaN.
        """
        if bool(self.values.sum().isnan()) and bool(self.values.isnan().any()):  # the sum alone needs no memory
            where = int(self.values.isnan().nonzero()[0])
            raise ValueError(f"ragged bias: value {where} is NaN. Give numbers, or -inf to hide a pair.")

    def blocks(self, layout: AttentionLayout, heads: int) -> list[Float[Tensor, "_ _ _"]]:
        """The block [heads, queries, keys] of each query segment, as views.

        Raises:
            ValueError: there are more or fewer values than pairs of rows in the layout.
        """
        return blocks_of(self.values, layout, heads)

    def dense(self, layout: AttentionLayout, heads: int) -> Float[Tensor, "heads Tq Tk"]:
        """Of all pairs of rows, 0 outside segments; for the reference."""
        rows = []
        for block, segment in zip(self.blocks(layout, heads), layout.seen_segments.tolist(), strict=True):
            before = int(layout.key_offsets[segment])
            rows.append(F.pad(block, (before, len(layout.key_code) - before - block.shape[-1])))
        return torch.cat(rows, 1) if rows else self.values.new_zeros(heads, 0, len(layout.key_code))


def blocks_of(values: Float[Tensor, "_"], layout: AttentionLayout, heads: int) -> list[Float[Tensor, "_ _ _"]]:
    """`RaggedBias.blocks` of values that need no check, such as a gradient."""
    queries, keys = segment_lengths(layout)
    widths = [-(-m // ALIGNED) * ALIGNED for m in keys]
    sizes = [heads * n * width for n, width in zip(queries, widths, strict=True)]
    if sum(sizes) != len(values):
        raise ValueError(
            f"ragged bias: {len(values)} values for {heads} heads and a layout that needs {sum(sizes)}. "
            "Build it with RaggedBias.of from one block a query segment."
        )
    parts = zip(values.split(sizes), queries, widths, keys, strict=True)
    return [part.view(heads, n, width)[..., :m] for part, n, width, m in parts]


def segment_lengths(layout: AttentionLayout) -> tuple[list[int], list[int]]:
    """Rows of each query segment, and of the key segment that it sees."""
    keys = torch.diff(layout.key_offsets)[layout.seen_segments]
    return torch.diff(layout.query_offsets).tolist(), keys.tolist()
