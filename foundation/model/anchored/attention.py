"""Attention of a sequence to itself and to a protein; how rows reach the keys is the caller's, packed or cached."""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor, nn

from foundation.kernels.prologue import HeadNorm, norm_and_turn, qk_prologue
from foundation.model.anchored.config import AnchoredConfig
from foundation.model.anchored.linear import RowLinear

NORM_EPS = 1e-16  # added to a mean square: 1e-8 on the root, as published

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]  # q, k, v -> what each row gathers, all [T, heads, dim]
Read = Callable[[Tensor], Tensor]  # q -> what each row gathers from keys that are known already


def make_norm(width: int) -> nn.RMSNorm:
    """Root-mean-square norm with a gain."""
    return nn.RMSNorm(width, eps=NORM_EPS)


def attention_scale(dim: int) -> float:
    """Of the logits; the factor 1/3 is that of AlphaFold's point attention, kept where there are no points."""
    return (3 * dim) ** -0.5


class _Heads(nn.Module):
    """Projections to heads and back, which both kinds of attention share."""

    def __init__(self, config: AnchoredConfig) -> None:
        super().__init__()
        inner, self.heads = config.heads * config.dim, config.heads
        self.q, self.k, self.v = (RowLinear(config.width, inner, bias=False) for _ in range(3))
        self.q_norm, self.k_norm = make_norm(config.dim), make_norm(config.dim)
        self.out = RowLinear(inner, config.width)

    def queries(self, x: Float[Tensor, "*rows width"]) -> Float[Tensor, "T heads dim"]:
        """Before norm and rotation."""
        return self._split(self.q(x))

    def keys_values(
        self, x: Float[Tensor, "*rows width"]
    ) -> tuple[Float[Tensor, "T heads dim"], Float[Tensor, "T heads dim"]]:
        """Before norm and rotation of the keys."""
        return self._split(self.k(x)), self._split(self.v(x))

    def joined(
        self, gathered: Float[Tensor, "T heads dim"], like: Float[Tensor, "*rows width"]
    ) -> Float[Tensor, "*rows width"]:
        """All heads side by side and projected, in rows as `like`."""
        return self.out(gathered.flatten(1).view(*like.shape[:-1], self.out.in_features))

    def _split(self, rows: Float[Tensor, "*rows inner"]) -> Float[Tensor, "T heads dim"]:
        return rows.flatten(0, -2).unflatten(-1, (self.heads, -1))


class SelfAttention(_Heads):
    """Rows among themselves, by their places along the chain."""

    def forward(
        self, x: Float[Tensor, "*rows width"], turns: Float[Tensor, "T half"], attend: Attend
    ) -> Float[Tensor, "*rows width"]:
        """What each row gathers from the rows it sees."""
        k, v = self.keys_values(x)
        q, k = qk_prologue(self.queries(x), k, _numbers(self.q_norm), _numbers(self.k_norm), turns, turns)
        return self.joined(attend(q, k, v), x)


class CrossAttention(_Heads):
    """Rows of a sequence to the residues of a protein; a query knows how far from the anchor it is."""

    def __init__(self, config: AnchoredConfig) -> None:
        super().__init__(config)
        self.distance = RowLinear(config.width, config.width, bias=False)
        self.distance_norm = make_norm(config.width)

    def keys(
        self, states: Float[Tensor, "R width"]
    ) -> tuple[Float[Tensor, "R heads dim"], Float[Tensor, "R heads dim"]]:
        """Keys and values of residues, the same for all samples of a protein."""
        k, v = self.keys_values(states)
        return norm_and_turn(k, _numbers(self.k_norm)), v

    def place(self, code: Float[Tensor, "*places width"]) -> Float[Tensor, "*places width"]:
        """What a place adds to a query; `code` are the waves of its signed distance from the anchor."""
        return self.distance_norm(self.distance(code))

    def forward(
        self, x: Float[Tensor, "*rows width"], place: Float[Tensor, "*rows width"], read: Read
    ) -> Float[Tensor, "*rows width"]:
        """What each row gathers."""
        q = self.queries(x + place)
        return self.joined(read(norm_and_turn(q, _numbers(self.q_norm))), x)


def _numbers(norm: nn.RMSNorm) -> HeadNorm:
    return HeadNorm("rms", norm.weight, eps=NORM_EPS)
