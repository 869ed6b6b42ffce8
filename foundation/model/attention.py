"""Attention heads: projections around the prologue (query-key norm and rotation) and the packed attention operator."""

from typing import cast

from jaxtyping import Float
from torch import Tensor, nn

from foundation.kernels.attention import AttentionLayout, attention
from foundation.kernels.prologue import HeadNorm, norm_and_turn


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
    """Multi-head attention of rows to each other, as far as the layout lets them see; or the mean of all they see."""

    def __init__(self, width: int, heads: int, norm: str, qk_norm: bool, mean: bool = False) -> None:
        super().__init__()
        self.mean = mean
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.core = _Heads(width, heads, norm, qk_norm)

    def forward(
        self,
        x: Float[Tensor, "T width"],
        layout: AttentionLayout,
        turns: Float[Tensor, "T half"] | None = None,
    ) -> Float[Tensor, "T width"]:
        """What each row gathers from the rows it sees."""
        q, k, v = self.parts(x, turns)
        return self.core(q, k, v, layout)

    def parts(self, x: Float[Tensor, "T width"], turns: Float[Tensor, "T half"] | None = None) -> tuple[Tensor, ...]:
        """Queries, keys and values of each row, [T, heads, dim]."""
        q, k, v = self.qkv(x).chunk(3, -1)
        return self.core.queries(q * 0 if self.mean else q, turns), *self.core.memory(k, v, turns)


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
        turns: Float[Tensor, "Q half"] | None = None,
        context_turns: Float[Tensor, "C half"] | None = None,
    ) -> Float[Tensor, "Q width"]:
        """What each query gathers from the content it sees; zeros if it sees none."""
        return self.core(self.queries(x, turns), *self.memory(context, context_turns), layout)

    def queries(self, x: Float[Tensor, "Q width"], turns: Float[Tensor, "Q half"] | None = None) -> Tensor:
        """What each query asks the content for, [Q, heads, dim]."""
        return self.core.queries(self.q(x), turns)

    def memory(
        self, context: Float[Tensor, "C width"], turns: Float[Tensor, "C half"] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Keys and values of the content, [C, heads, dim]; they serve all queries there will ever be."""
        k, v = self.kv(context).chunk(2, -1)
        return self.core.memory(k, v, turns)


class _Heads(nn.Module):
    """What self- and cross-attention share once there are queries, keys and values."""

    def __init__(self, width: int, heads: int, norm: str, qk_norm: bool) -> None:
        super().__init__()
        self.heads = heads
        self.q_norm, self.k_norm = (make_norm(norm, width // heads) if qk_norm else nn.Identity() for _ in range(2))
        self.proj = nn.Linear(width, width, bias=False)

    def queries(self, q: Float[Tensor, "T width"], turns: Float[Tensor, "T half"] | None) -> Tensor:
        """Normalised and rotated, [T, heads, dim]."""
        return norm_and_turn(self._split(q), _head_norm(self.q_norm), turns)

    def memory(
        self, k: Float[Tensor, "T width"], v: Float[Tensor, "T width"], turns: Float[Tensor, "T half"] | None
    ) -> tuple[Tensor, Tensor]:
        """Keys, normalised and rotated, and values, [T, heads, dim]."""
        return norm_and_turn(self._split(k), _head_norm(self.k_norm), turns), self._split(v)

    def forward(self, q: Tensor, k: Tensor, v: Tensor, layout: AttentionLayout) -> Tensor:
        """What each query row gathers, all heads side by side and projected."""
        return self.proj(attention(q, k, v, layout).flatten(1))

    def _split(self, x: Float[Tensor, "T width"]) -> Float[Tensor, "T heads dim"]:
        return x.unflatten(-1, (self.heads, -1))


def _head_norm(module: nn.Module) -> HeadNorm | None:
    if isinstance(module, nn.Identity):
        return None
    norm = cast(nn.RMSNorm | nn.LayerNorm, module)
    return HeadNorm("rms" if isinstance(norm, nn.RMSNorm) else "layer", norm.weight, eps=norm.eps or 0.0)
