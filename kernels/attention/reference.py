"""The definition of attention in this package: slow, obvious, any dtype, any device; fast paths are tested on it."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from foundation.kernels.attention.layout import AttentionLayout


def visible(layout: AttentionLayout) -> Bool[Tensor, "Tq Tk"]:
    """The dense form of the rule: same segment, and equal codes or an even key code that is not larger."""
    q, k = layout.query_code[:, None], layout.key_code[None, :]
    same_segment = layout.query_segment[:, None] == layout.key_segment[None, :]
    return same_segment & ((k == q) | ((k % 2 == 0) & (k <= q)))


def reference_attention(
    q: Float[Tensor, "Tq heads dim"],
    k: Float[Tensor, "Tk heads dim"],
    v: Float[Tensor, "Tk heads dim"],
    layout: AttentionLayout,
    scale: float | None = None,
) -> Float[Tensor, "Tq heads dim"]:
    """softmax(q k^T * scale) v over the visible keys; a row that sees no key gives zeros.

    Args:
        scale: 1 / sqrt(dim) if None.
    """
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    score = torch.einsum("qhd,khd->hqk", q, k) * scale
    mask = visible(layout)
    weight = score.masked_fill(~mask, -torch.inf).softmax(-1).masked_fill(~mask, 0)
    return torch.einsum("hqk,khd->qhd", weight, v)
