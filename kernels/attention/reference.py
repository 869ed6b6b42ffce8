"""The definition of attention in this package: slow, obvious, any dtype, any device; fast paths are tested on it."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from foundation.kernels.attention.bias import Bias
from foundation.kernels.attention.layout import AttentionLayout


def visible(layout: AttentionLayout) -> Bool[Tensor, "Tq Tk"]:
    """The dense form of the rule: same segment, equal codes or an even key code that is not larger, and a kind seen."""
    q, k = layout.query_code[:, None], layout.key_code[None, :]
    same_segment = layout.seen_segment[:, None] == layout.key_segment[None, :]
    seen = same_segment & ((k == q) | ((k % 2 == 0) & (k <= q)))
    if layout.sees is not None and layout.kind is not None:
        seen &= (layout.sees[:, None] >> layout.kind[None, :].int()) & 1 != 0
    return seen


def reference_attention(
    q: Float[Tensor, "Tq heads dim"],
    k: Float[Tensor, "Tk heads dim"],
    v: Float[Tensor, "Tk heads width"],
    layout: AttentionLayout,
    scale: float | None = None,
    bias: Bias | None = None,
) -> Float[Tensor, "Tq heads width"]:
    """softmax(q k^T * scale + bias) v over the visible keys; a row that sees no key gives zeros.

    Args:
        scale: 1 / sqrt(dim) if None.
        bias: added to the logits; -inf hides a pair.
    """
    factor = q.shape[-1] ** -0.5 if scale is None else scale
    score = torch.einsum("qhd,khd->hqk", q, k) * factor
    if bias is not None:
        score = score + bias.dense(layout, q.shape[1])
    mask = visible(layout) & (score > -torch.inf)
    weight = score.masked_fill(~mask, -torch.inf).softmax(-1).masked_fill(~mask, 0)
    return torch.einsum("hqk,khd->qhd", weight.to(v.dtype), v)
