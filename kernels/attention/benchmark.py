"""Packed attention against padding: what not padding saves, on lengths like those of multi-survey objects."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from foundation.bench import Row, side_by_side
from foundation.kernels.attention.attention import attention
from foundation.kernels.attention.layout import AttentionLayout

HEADS, DIM = 12, 64  # AION-1 base


@dataclass(frozen=True, eq=False)
class Lengths:
    """Documents of given lengths, packed and padded."""

    name: str
    lengths: tuple[int, ...]

    def packed(self) -> tuple[Float[Tensor, "T width"], AttentionLayout]:
        """Random queries, keys and values side by side, and who sees whom: each document itself."""
        offsets = torch.tensor([0, *self.lengths]).cumsum(0)
        rows = int(offsets[-1])
        qkv = torch.randn(rows, 3 * HEADS * DIM, generator=torch.Generator().manual_seed(0))
        return qkv, AttentionLayout.packed(offsets, torch.zeros(rows, dtype=torch.long))

    def padded(self) -> tuple[Float[Tensor, "N longest width"], Tensor]:
        """The same rows padded to the longest document, and which are real."""
        real = torch.arange(max(self.lengths)) < torch.tensor(self.lengths)[:, None]  # [N, longest]
        qkv = torch.zeros(*real.shape, 3 * HEADS * DIM)
        qkv[real] = self.packed()[0]
        return qkv, real


CASES = (
    Lengths("8 of 256 to 900 rows", (256, 311, 402, 455, 588, 673, 862, 900)),
    Lengths("64 of 40 to 120 rows", tuple(40 + 37 * i % 81 for i in range(64))),
    Lengths("16 of 256 rows", (256,) * 16),
)


def packed_vs_padded() -> list[Row]:
    """Rows per second of padded and of packed attention, without and with gradients, on float32."""
    return [
        side_by_side(f"attention {what}, {case.name}", usual, ours, sum(case.lengths), "rows/s", turns=5)
        for case in CASES
        for what, usual, ours in _pairs(case)
    ]


def _pairs(case: Lengths) -> list[tuple[str, Callable[[], object], Callable[[], object]]]:
    packed, layout = case.packed()
    padded, real = case.padded()
    visible = real[:, None, None, :]

    def ours(qkv: Tensor) -> Tensor:
        q, k, v = (x.unflatten(-1, (HEADS, DIM)) for x in qkv.chunk(3, -1))
        return attention(q, k, v, replace(layout))  # a new layout each time: its plan is part of the cost

    def usual(qkv: Tensor) -> Tensor:
        q, k, v = (x.unflatten(-1, (HEADS, DIM)).transpose(1, 2) for x in qkv.chunk(3, -1))
        return F.scaled_dot_product_attention(q, k, v, attn_mask=visible)

    return [
        ("forward", lambda: _forward(usual, padded), lambda: _forward(ours, packed)),
        ("forward and backward", lambda: _both(usual, padded), lambda: _both(ours, packed)),
    ]


def _forward(function: Callable[[Tensor], Tensor], qkv: Tensor) -> None:
    with torch.no_grad():
        function(qkv)


def _both(function: Callable[[Tensor], Tensor], qkv: Tensor) -> None:
    torch.autograd.grad(function(qkv.requires_grad_()).sum(), qkv)
