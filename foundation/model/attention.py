"""Attention heads: projections, query-key norm and rotation around the packed attention operator."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foundation.kernels.attention import AttentionLayout, attention


def make_norm(kind: str, width: int) -> nn.Module:
    """Layer norm without bias, or root-mean-square norm; eps 1e-6 as in AION-1."""
    if kind == "rms":
        return _RMSNorm(width, eps=1e-6)
    return nn.LayerNorm(width, eps=1e-6, bias=False)


class _RMSNorm(nn.RMSNorm):
    """In the precision of its weight, as autocast does for layer norm but not for this one."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.to(self.weight.dtype))


class SelfAttention(nn.Module):
    """Multi-head attention of rows to each other, as far as the layout lets them see."""

    def __init__(self, width: int, heads: int, norm: str, qk_norm: bool) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.core = _Heads(width, heads, norm, qk_norm)

    def forward(
        self,
        x: Float[Tensor, "T width"],
        layout: AttentionLayout,
        rotation: Float[Tensor, "2 T half"] | None = None,
    ) -> Float[Tensor, "T width"]:
        """What each row gathers from the rows it sees."""
        q, k, v = self.qkv(x).chunk(3, -1)
        return self.core(q, k, v, layout, rotation, rotation)


class CrossAttention(nn.Module):
    """Multi-head attention of queries to content."""

    def __init__(self, width: int, heads: int, norm: str, qk_norm: bool) -> None:
        super().__init__()
        self.q = nn.Linear(width, width, bias=False)
        self.kv = nn.Linear(width, 2 * width, bias=False)
        self.core = _Heads(width, heads, norm, qk_norm)

    def forward(
        self,
        x: Float[Tensor, "Q width"],
        context: Float[Tensor, "C width"],
        layout: AttentionLayout,
        rotation: Float[Tensor, "2 Q half"] | None = None,
        context_rotation: Float[Tensor, "2 C half"] | None = None,
    ) -> Float[Tensor, "Q width"]:
        """What each query gathers from the content it sees; zeros if it sees none."""
        k, v = self.kv(context).chunk(2, -1)
        return self.core(self.q(x), k, v, layout, rotation, context_rotation)


class _Heads(nn.Module):
    """What self- and cross-attention share once there are queries, keys and values."""

    def __init__(self, width: int, heads: int, norm: str, qk_norm: bool) -> None:
        super().__init__()
        self.heads = heads
        self.q_norm, self.k_norm = (make_norm(norm, width // heads) if qk_norm else nn.Identity() for _ in range(2))
        self.proj = nn.Linear(width, width, bias=False)

    def forward(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        layout: AttentionLayout,
        q_rotation: Tensor | None,
        k_rotation: Tensor | None,
    ) -> Tensor:
        q, k, v = (x.unflatten(-1, (self.heads, -1)) for x in (q, k, v))  # [T, heads, K]
        q, k = rotate(self.q_norm(q), q_rotation), rotate(self.k_norm(k), k_rotation)
        out = attention(q.to(v.dtype), k.to(v.dtype), v, layout)  # norms leave autocast's dtype
        return self.proj(out.flatten(1))


def rotate(x: Float[Tensor, "T heads K"], rotation: Float[Tensor, "2 T half"] | None) -> Float[Tensor, "T heads K"]:
    """Rotate the pairs (i, i + K / 2) of each head by the angles with these cosines and sines; None = leave."""
    if rotation is None:
        return x
    cos, sin = rotation.unsqueeze(2)  # [T, 1, K / 2] each
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)
