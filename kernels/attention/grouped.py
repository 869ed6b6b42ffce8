"""Grouped attention: pieces of equal shape go into one fused call each, on any device; nothing is padded."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from foundation.kernels.attention.bias import Bias, PointBias, RaggedBias, RelativeBias
from foundation.kernels.attention.by_products import attention_by_products, gains_by_products
from foundation.kernels.attention.layout import AttentionLayout
from foundation.kernels.attention.plan import Block
from foundation.kernels.attention.ragged import ragged_attention


def grouped_attention(
    q: Float[Tensor, "Tq heads dim"],
    k: Float[Tensor, "Tk heads dim"],
    v: Float[Tensor, "Tk heads width"],
    layout: AttentionLayout,
    scale: float | None = None,
    bias: Bias | None = None,
) -> Float[Tensor, "Tq heads width"]:
    """Attention as `reference_attention` defines it, by PyTorch's fused attention.

    Rows are gathered once and split, not indexed block by block: the gradient of a split is one concatenation, that
    of an index is a full-size tensor of zeros for each block.
    """
    factor = q.shape[-1] ** -0.5 if scale is None else scale
    match bias:
        case PointBias():
            return _with_points(q, k, v, layout, factor, bias)
        case RelativeBias():
            return ragged_attention(q, k, v, layout, factor, bias.ragged(layout))
        case RaggedBias():
            return ragged_attention(q, k, v, layout, factor, bias)
    plan = layout.plan
    q, k, v = _take(q, plan.query_order), _take(k, plan.key_order), _take(v, plan.key_order)
    return _take(_all_blocks(q, k, v, plan.blocks, factor), plan.query_place)


def _all_blocks(q: Tensor, k: Tensor, v: Tensor, blocks: Sequence[Block], scale: float) -> Tensor:
    if not blocks:
        return _zeros(q, k, v)
    if len(blocks) == 1:  # splitting and joining would copy all rows, and so would their gradients
        return _block_attention(q, k, v, blocks[0], scale)
    query_rows, key_rows = [b.pieces * b.queries for b in blocks], [b.pieces * b.keys for b in blocks]
    rows = zip(q.split(query_rows), k.split(key_rows), v.split(key_rows), blocks, strict=True)
    return torch.cat([_block_attention(*piece, scale) for piece in rows])


def _with_points(
    q: Tensor, k: Tensor, v: Tensor, layout: AttentionLayout, scale: float, bias: PointBias
) -> Float[Tensor, "Tq heads width"]:
    """The bias as more columns of queries and keys, in its own precision; all are widened to the widest."""
    query, key = bias.folded(layout)
    fine, dim = torch.promote_types(query.dtype, q.dtype), v.shape[-1]
    wide_q = torch.cat([q.to(fine) * scale, query.to(fine)], -1) if q.shape[-1] else query
    wide_k = torch.cat([k.to(fine), key.to(fine)], -1) if q.shape[-1] else key
    width = max(dim, wide_q.shape[-1])
    wide_q, wide_k, wide_v = (F.pad(x, (0, width - x.shape[-1])) for x in (wide_q, wide_k, v.to(fine)))
    return grouped_attention(wide_q, wide_k, wide_v, layout, 1.0)[..., :dim].to(q.dtype)


def _block_attention(q: Tensor, k: Tensor, v: Tensor, block: Block, scale: float) -> Tensor:
    if block.keys == 0:
        return _zeros(q, k, v)
    q = q.unflatten(0, (block.pieces, block.queries)).transpose(1, 2)  # [B, heads, n, dim]
    k, v = (x.unflatten(0, (block.pieces, block.keys)).transpose(1, 2) for x in (k, v))  # [B, heads, m, dim]
    if block.visible is None and gains_by_products(q, k):
        return attention_by_products(q, k, v, scale).flatten(0, 1)
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=block.visible, scale=scale)
    return out.transpose(1, 2).flatten(0, 1)  # [B * n, heads, dim]


def _zeros(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Zeros that keep all three in the graph: with several ranks each of them must have every gradient."""
    return q * 0 + (k[:0].sum() + v[:0].sum())


def _take(rows: Float[Tensor, "T heads dim"], order: Int[Tensor, "R"] | None) -> Float[Tensor, "R heads dim"]:
    return rows if order is None else rows.index_select(0, order)
