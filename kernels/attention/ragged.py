"""Attention with a trainable number for every pair, by PyTorch's matrix products, a few heads of a segment at once.

PyTorch's fused attention is slow with a mask of numbers, and where the mask has a gradient it keeps all probabilities.
Here the backward makes them again in a buffer that fits a cache, and writes the gradient of the bias once, in place.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

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
    return _Ragged.apply(*rows, bias.values.to(fine), layout, scale).transpose(0, 1).to(q.dtype)


class _Ragged(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx, q: Tensor, k: Tensor, v: Tensor, values: Tensor, layout: AttentionLayout, scale: float
    ) -> Tensor:
        out, buffer = torch.zeros_like(q), values.new_empty(0)
        hides = len(values) > 0 and bool(values.amin().isneginf())
        for part in _parts(values, layout, len(q), hides):
            torch.bmm(part.probabilities(q, k, scale, buffer), part.keys_of(v), out=part.queries_of(out))
        ctx.save_for_backward(q, k, v, values, out)
        ctx.layout, ctx.scale, ctx.hides = layout, scale, hides
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, None, None]:
        q, k, v, values, out = ctx.saved_tensors
        grad = grad.contiguous()
        along = (grad * out).sum(-1, keepdim=True)  # [heads, Tq, 1], the part of the slope that softmax takes away
        grad_q, grad_k, grad_v = (torch.zeros_like(x) for x in (q, k, v))
        grad_values = torch.empty_like(values) if _is_filled(ctx.layout) else torch.zeros_like(values)
        buffer = values.new_empty(0)
        slopes = blocks_of(grad_values, ctx.layout, len(q))
        for part in _parts(values, ctx.layout, len(q), ctx.hides):
            slope = slopes[part.segment][part.heads]
            p, g = part.probabilities(q, k, ctx.scale, buffer), part.queries_of(grad)
            part.keys_of(grad_v).baddbmm_(p.mT, g)  # added, because segments may share their keys
            torch.bmm(g, part.keys_of(v).mT, out=slope)
            slope.sub_(part.queries_of(along)).mul_(p)
            torch.bmm(slope, part.keys_of(k), out=part.queries_of(grad_q))
            part.keys_of(grad_k).baddbmm_(slope.mT, part.queries_of(q))
        return grad_q.mul_(ctx.scale), grad_k.mul_(ctx.scale), grad_v, grad_values, None, None


@dataclass(frozen=True, eq=False)
class _Part:
    """Some heads of one query segment."""

    segment: int
    heads: slice
    queries: slice
    keys: slice
    bias: Float[Tensor, "h n m"]
    hidden: Bool[Tensor, "n m"] | None
    may_be_blind: bool

    def probabilities(self, q: Tensor, k: Tensor, scale: float, buffer: Tensor) -> Float[Tensor, "h n m"]:
        """Of each key for each query, in `buffer`; zeros for a query that sees none."""
        p = buffer.resize_(self.bias.shape)
        torch.baddbmm(self.bias, self.queries_of(q), self.keys_of(k).mT, alpha=scale, out=p)
        if self.hidden is not None:
            p.masked_fill_(self.hidden, -torch.inf)
        torch.softmax(p, -1, out=p)
        return p.nan_to_num_(nan=0.0) if self.may_be_blind else p  # rows that are all -inf gave NaN

    def queries_of(self, rows: Tensor) -> Tensor:
        return rows[self.heads, self.queries]

    def keys_of(self, rows: Tensor) -> Tensor:
        return rows[self.heads, self.keys]


def _parts(values: Tensor, layout: AttentionLayout, heads: int, hides: bool) -> Iterator[_Part]:
    """The segments that have pairs, as many heads at once as a buffer holds; `hides`: the bias has some -inf."""
    query, key = layout.query_offsets.tolist(), layout.key_offsets.tolist()
    seen, blocks = layout.seen_segments.tolist(), blocks_of(values, layout, heads)
    for i, (block, j) in enumerate(zip(blocks, seen, strict=True)):
        queries, keys = slice(query[i], query[i + 1]), slice(key[j], key[j + 1])
        pairs = block.shape[1] * block.shape[2]
        if pairs:
            hidden, step = _hidden(layout, queries, keys), max(1, PAIRS // pairs)
            for first in range(0, heads, step):
                some = slice(first, first + step)
                yield _Part(i, some, queries, keys, block[some], hidden, hides or hidden is not None)


def _is_filled(layout: AttentionLayout) -> bool:
    """Whether no row of the flat bias ends in padding, which nothing writes to."""
    return not bool((torch.diff(layout.key_offsets) % ALIGNED).any())


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
