"""Documents of given lengths as queries, keys and values: packed, padded, and as PyTorch's nested tensor."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from foundation.kernels.attention.layout import AttentionLayout

HEADS, DIM = 12, 64  # AION-1 base

Heads = tuple[Float[Tensor, "... heads dim"], Float[Tensor, "... heads dim"], Float[Tensor, "... heads dim"]]


@dataclass(frozen=True, eq=False)
class Lengths:
    """Documents that see themselves and nothing else.

    Args:
        name: of the comparison.
        lengths: rows of each document.
        heads: of the attention.
        dim: of a head.
    """

    name: str
    lengths: tuple[int, ...]
    heads: int = HEADS
    dim: int = DIM

    @property
    def offsets(self) -> Tensor:
        """int64 [N + 1], first rows of the documents, and the number of rows."""
        return torch.tensor([0, *self.lengths]).cumsum(0)

    @property
    def products(self) -> float:
        """Visible pairs times heads."""
        return float(self.heads * sum(n * n for n in self.lengths))

    def layout(self) -> AttentionLayout:
        """Each document sees itself; new each time, so that its plan is part of what is measured."""
        return AttentionLayout.packed(self.offsets, torch.zeros(sum(self.lengths), dtype=torch.long))

    def packed(self) -> Float[Tensor, "T width"]:
        """Random queries, keys and values side by side, as a projection leaves them."""
        return torch.randn(sum(self.lengths), 3 * self.heads * self.dim, generator=torch.Generator().manual_seed(0))

    def padded(self) -> tuple[Float[Tensor, "N longest width"], Bool[Tensor, "N longest"]]:
        """The same rows padded to the longest document, and which are real."""
        real = torch.arange(max(self.lengths)) < torch.tensor(self.lengths)[:, None]  # [N, longest]
        qkv = torch.zeros(*real.shape, 3 * self.heads * self.dim)
        qkv[real] = self.packed()
        return qkv, real

    def split(self, qkv: Float[Tensor, "... width"]) -> Heads:
        """Queries, keys and values as views."""
        q, k, v = (x.unflatten(-1, (self.heads, self.dim)) for x in qkv.chunk(3, -1))
        return q, k, v


ENCODER = Lengths("8 of 256 to 900 rows", (256, 311, 402, 455, 588, 673, 862, 900))
SPECTRA = Lengths("8 of 200 to 800 rows", (200, 243, 318, 377, 462, 590, 701, 800))
SMALL = Lengths("64 of 40 to 120 rows", tuple(40 + 37 * i % 81 for i in range(64)))
EQUAL = Lengths("16 of 256 rows", (256,) * 16)
