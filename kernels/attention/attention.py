"""attention: the public operator; checks its input and picks the path for the device."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from foundation.kernels.attention.layout import AttentionLayout
from foundation.kernels.attention.plan import Block


def attention(
    q: Float[Tensor, "Tq heads dim"],
    k: Float[Tensor, "Tk heads dim"],
    v: Float[Tensor, "Tk heads dim"],
    layout: AttentionLayout,
    scale: float | None = None,
) -> Float[Tensor, "Tq heads dim"]:
    """Packed attention by the rule of `layout`; equals `reference_attention`.

    Rows that see no key (a query document without context) give zeros.

    Args:
        scale: 1 / sqrt(dim) if None.

    Raises:
        ValueError: q, k or v have other lengths than the layout.
    """
    if len(q) != len(layout.query_code) or len(k) != len(layout.key_code) or k.shape != v.shape:
        raise ValueError(
            f"attention: q, k, v have {len(q)}, {len(k)}, {len(v)} rows, the layout has {len(layout.query_code)} "
            f"queries and {len(layout.key_code)} keys. Build the layout from the same batch."
        )
    if q.dtype == torch.bfloat16 and q.device.type == "cpu" and torch.is_grad_enabled():
        # the CPU's bfloat16 backward is up to twice slower than its float32 one; forward alone it is the faster
        return grouped_attention(q.float(), k.float(), v.float(), layout, scale).to(q.dtype)
    return grouped_attention(q, k, v, layout, scale)


def grouped_attention(
    q: Float[Tensor, "Tq heads dim"],
    k: Float[Tensor, "Tk heads dim"],
    v: Float[Tensor, "Tk heads dim"],
    layout: AttentionLayout,
    scale: float | None = None,
) -> Float[Tensor, "Tq heads dim"]:
    """Pieces of equal shape go into one fused call each, on any device: nothing is padded.

    Rows are gathered once and split, not indexed block by block: the gradient of a split is one concatenation, that
    of an index is a full-size tensor of zeros for each block.
    """
    plan = layout.plan
    q, k, v = _take(q, plan.query_order), _take(k, plan.key_order), _take(v, plan.key_order)
    query_rows = [b.pieces * b.queries for b in plan.blocks]
    key_rows = [b.pieces * b.keys for b in plan.blocks]
    parts = [
        _block_attention(*rows, block, scale)
        for *rows, block in zip(q.split(query_rows), k.split(key_rows), v.split(key_rows), plan.blocks, strict=True)
    ]
    return _take(torch.cat(parts), plan.query_place) if parts else _zeros(q, k, v)


def _block_attention(q: Tensor, k: Tensor, v: Tensor, block: Block, scale: float | None) -> Tensor:
    if block.keys == 0:
        return _zeros(q, k, v)
    q = q.unflatten(0, (block.pieces, block.queries)).transpose(1, 2)  # [B, heads, n, dim]
    k, v = (x.unflatten(0, (block.pieces, block.keys)).transpose(1, 2) for x in (k, v))  # [B, heads, m, dim]
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=block.visible, scale=scale)
    return out.transpose(1, 2).flatten(0, 1)  # [B * n, heads, dim]


def _zeros(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Zeros that keep all three in the graph: with several ranks each of them must have every gradient."""
    return q * 0 + (k[:0].sum() + v[:0].sum())


def _take(rows: Float[Tensor, "T heads dim"], order: Int[Tensor, "R"] | None) -> Float[Tensor, "R heads dim"]:
    return rows if order is None else rows.index_select(0, order)
