"""Blocks of summed tracks: pre-norm attention among rows, in a decoder also to what is given, feed-forward layers."""

from jaxtyping import Float
from torch import Tensor, nn

from foundation.kernels.attention import AttentionLayout, attention
from foundation.kernels.prologue import norm_and_turn, qk_prologue
from foundation.model.tracks.config import TrackConfig
from foundation.model.tracks.directions import Directions

NORM_EPS = 1e-5


def make_norm(width: int) -> nn.LayerNorm:
    """Layer norm with a gain and no bias."""
    return nn.LayerNorm(width, eps=NORM_EPS, bias=False)


class _Heads(nn.Module):
    """Projections to heads and back, without biases."""

    def __init__(self, config: TrackConfig) -> None:
        super().__init__()
        self.heads, self.each_way = config.heads, config.each_way
        self.q, self.k, self.v, self.out = (nn.Linear(config.width, config.width, bias=False) for _ in range(4))

    def _split(self, x: Float[Tensor, "T width"]) -> Float[Tensor, "T heads dim"]:
        return x.unflatten(-1, (self.heads, -1))


class RowAttention(_Heads):
    """Rows among themselves."""

    def forward(
        self, x: Float[Tensor, "T width"], turns: Float[Tensor, "T half"], directions: Directions
    ) -> Float[Tensor, "T width"]:
        """What each row gathers from the rows that it sees."""
        q, k, v = (self._split(part(x)) for part in (self.q, self.k, self.v))
        q, k = qk_prologue(q, k, q_turns=turns, k_turns=turns)
        return self.out(directions.attend(q, k, v, self.each_way).flatten(1))


class ContextAttention(_Heads):
    """Queries to the rows that are given."""

    def forward(
        self,
        x: Float[Tensor, "Q width"],
        context: Float[Tensor, "R width"],
        turns: Float[Tensor, "Q half"],
        context_turns: Float[Tensor, "R half"],
        layout: AttentionLayout,
    ) -> Float[Tensor, "Q width"]:
        """What each query gathers."""
        q = norm_and_turn(self._split(self.q(x)), turns=turns)
        k = norm_and_turn(self._split(self.k(context)), turns=context_turns)
        return self.out(attention(q, k, self._split(self.v(context)), layout).flatten(1))


class FeedForward(nn.Module):
    """Two linear maps around a SiLU."""

    def __init__(self, config: TrackConfig) -> None:
        super().__init__()
        self.into, self.out = nn.Linear(config.width, config.hidden), nn.Linear(config.hidden, config.width)

    def forward(self, x: Float[Tensor, "T width"]) -> Float[Tensor, "T width"]:
        """Row by row."""
        return self.out(nn.functional.silu(self.into(x)))


class EncoderBlock(nn.Module):
    """Rows see each other, then themselves."""

    def __init__(self, config: TrackConfig) -> None:
        super().__init__()
        self.norm1, self.norm2 = make_norm(config.width), make_norm(config.width)
        self.attention, self.feed_forward = RowAttention(config), FeedForward(config)

    def forward(
        self, x: Float[Tensor, "T width"], turns: Float[Tensor, "T half"], directions: Directions
    ) -> Float[Tensor, "T width"]:
        """The rows, updated."""
        x = x + self.attention(self.norm1(x), turns, directions)
        return x + self.feed_forward(self.norm2(x))


class DecoderBlock(nn.Module):
    """Queries see each other, then what is given, then themselves."""

    def __init__(self, config: TrackConfig) -> None:
        super().__init__()
        self.norm1, self.cross_norm, self.norm2 = (make_norm(config.width) for _ in range(3))
        self.attention, self.cross = RowAttention(config), ContextAttention(config)
        self.feed_forward = FeedForward(config)

    def forward(
        self,
        x: Float[Tensor, "Q width"],
        context: Float[Tensor, "R width"],
        turns: Float[Tensor, "Q half"],
        context_turns: Float[Tensor, "R half"],
        directions: Directions,
        layout: AttentionLayout,
    ) -> Float[Tensor, "Q width"]:
        """The queries, updated; the context stays as it is."""
        x = x + self.attention(self.norm1(x), turns, directions)
        x = x + self.cross(self.cross_norm(x), context, turns, context_turns, layout)
        return x + self.feed_forward(self.norm2(x))
