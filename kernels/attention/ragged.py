"""Attention with a trainable number for every pair, by PyTorch's matrix products, a few heads of a segment at once.

PyTorch's fused attention is slow with a mask of numbers, and where the mask has a gradient it keeps all probabilities
and makes further tensors of their size. Here the forward leaves the probabilities where the gradient of the bias
will be, and the backward turns them into it in place; what is between fits a cache.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from foundation.kernels.attention.bias.ragged import RaggedBias, blocks_of
from foundation.kernels.attention.layout import ALIGNED, AttentionLayout

PAIRS = 2**18  # of a buffer of probabilities: 1 MiB of float32


def ragged_attention(
    q: Float[Tensor, "Tq heads dim"],
    k: Float[Tensor, "Tk heads dim"],
    v: Float[Tensor, "Tk heads dim"],
    layout: AttentionLayout,
    scale: float,
    bias: RaggedBias,
) -> Float[Tensor, "Tq heads dim"]:
    """Attention as `reference_attention` defines it, in float32 or finer, with all four gradients."""
    fine = torch.promote_types(q.dtype, torch.float32)
    rows = (x.to(fine).transpose(0, 1).contiguous() for x in (q, k, v))  # [heads, T, dim]: products without copies
    keeps = torch.is_grad_enabled() and bias.values.requires_grad
    return _Ragged.apply(*rows, bias.values.to(fine), layout, scale, keeps).transpose(0, 1).to(q.dtype)


class _Ragged(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        q: Tensor,
        k: Tensor,
        v: Tensor,
        values: Tensor,
        layout: AttentionLayout,
        scale: float,
        keeps: bool,
    ) -> Tensor:
        out = torch.zeros_like(q)
        hides = len(values) > 0 and bool(values.amin().isneginf())
        kept = _like_bias(values, layout) if keeps else None
        for part, p in _parts(values, kept, layout, len(q), hides):
            torch.bmm(part.probabilities(q, k, scale, p), part.keys_of(v), out=part.queries_of(out))
        ctx.save_for_backward(q, k, v, values, out)
        ctx.layout, ctx.scale, ctx.hides, ctx.kept = layout, scale, hides, kept
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor | None, None, None, None]:  # noqa: ANN401
        q, k, v, values, out = ctx.saved_tensors
        grad = grad.contiguous()
        along = (grad * out).sum(-1, keepdim=True)  # [heads, Tq, 1], the part of the slope that softmax takes away
        grad_q, grad_k, grad_v = (torch.zeros_like(x) for x in (q, k, v))
        kept, ctx.kept = ctx.kept, None  # spent: a second backward through this graph makes the probabilities again
        wanted = ctx.needs_input_grad[3]
        slopes = kept if kept is not None or not wanted else _like_bias(values, ctx.layout)
        buffer = values.new_empty(0)
        for part, p in _parts(values, slopes, ctx.layout, len(q), ctx.hides):
            if kept is None:
                part.probabilities(q, k, ctx.scale, p)
            g, slope = part.queries_of(grad), buffer.resize_(p.shape)
            part.keys_of(grad_v).add_(_transposed_product(p, g))  # added, because segments may share their keys
            torch.bmm(g, part.keys_of(v).mT, out=slope)
            p.mul_(slope.sub_(part.queries_of(along)))
            torch.bmm(p, part.keys_of(k), out=part.queries_of(grad_q))
            part.keys_of(grad_k).add_(_transposed_product(p, part.queries_of(q)))
        return grad_q.mul_(ctx.scale), grad_k.mul_(ctx.scale), grad_v, slopes, None, None, None


@dataclass(frozen=True, eq=False)
class _Part:
    """Some heads of one query segment."""

    heads: slice
    queries: slice
    keys: slice
    bias: Float[Tensor, "h n m"]
    hidden: Bool[Tensor, "n m"] | None
    may_be_blind: bool

    def probabilities(self, q: Tensor, k: Tensor, scale: float, p: Tensor) -> Float[Tensor, "h n m"]:
        """Of each key for each query, written into `p`; zeros for a query that sees none."""
        torch.baddbmm(self.bias, self.queries_of(q), self.keys_of(k).mT, alpha=scale, out=p)
        if self.hidden is not None:
            p.masked_fill_(self.hidden, -torch.inf)
        torch.softmax(p, -1, out=p)
        return p.nan_to_num_(nan=0.0) if self.may_be_blind else p  # rows that are all -inf gave NaN

    def queries_of(self, rows: Tensor) -> Tensor:
        return rows[self.heads, self.queries]

    def keys_of(self, rows: Tensor) -> Tensor:
        return rows[self.heads, self.keys]


def _parts(
    values: Tensor, stored: Tensor | None, layout: AttentionLayout, heads: int, hides: bool
) -> Iterator[tuple[_Part, Float[Tensor, "h n m"]]]:
    """The segments that have pairs, a few heads at once, each with its place for one number a pair.

    Args:
        stored: laid out as the bias, where the places are; None for one buffer that all use in turn.
        hides: whether the bias has some -inf.
    """
    query, key, seen = layout.query_offsets.tolist(), layout.key_offsets.tolist(), layout.seen_segments.tolist()
    blocks = blocks_of(values, layout, heads)
    places = None if stored is None else blocks_of(stored, layout, heads)
    buffer = values.new_empty(0)
    for i, (block, j) in enumerate(zip(blocks, seen, strict=True)):
        queries, keys = slice(query[i], query[i + 1]), slice(key[j], key[j + 1])
        pairs = block.shape[1] * block.shape[2]
        if pairs:
            hidden, step = _hidden(layout, queries, keys), max(1, PAIRS // pairs)
            for first in range(0, heads, step):
                some = slice(first, first + step)
                part = _Part(some, queries, keys, block[some], hidden, hides or hidden is not None)
                yield part, buffer.resize_(part.bias.shape) if places is None else places[i][some]


def _transposed_product(p: Float[Tensor, "h n m"], rows: Float[Tensor, "h n dim"]) -> Float[Tensor, "h m dim"]:
    """p^T rows; in this order, because BLAS takes half as long again where the large factor is the transposed one."""
    return (rows.mT @ p).mT


def _like_bias(values: Tensor, layout: AttentionLayout) -> Tensor:
    """A place for one number a pair; zeros where rows of the flat bias end in padding, which nothing writes to."""
    padded = bool((torch.diff(layout.key_offsets) % ALIGNED).any())
    return torch.zeros_like(values) if padded else torch.empty_like(values)


def _hidden(layout: AttentionLayout, queries: slice, keys: slice) -> Bool[Tensor, "n m"] | None:
    """Pairs that the layout hides, or None if it hides none."""
    prefix, lo, hi = (bound[queries, None] for bound in layout.bounds)
    if layout.sees is None and bool(prefix.min() >= keys.stop):
        return None
    key = torch.arange(keys.start, keys.stop, device=prefix.device)
    seen = (key < prefix) | ((key >= lo) & (key < hi))
    if layout.sees is not None and layout.kind is not None:
        seen &= (layout.sees[queries, None] >> layout.kind[keys].int()) & 1 != 0
    return None if bool(seen.all()) else ~seen
