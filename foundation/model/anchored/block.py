"""The two kinds of block: residues of a protein among themselves, and rows of a sequence before a protein.

Norms come after each sum, as published, so what leaves a block has unit mean square up to its gains.
"""

from jaxtyping import Float
from torch import Tensor, nn

from foundation.kernels.attention import AttentionLayout
from foundation.model.anchored.attention import Attend, CrossAttention, Read, SelfAttention, make_norm
from foundation.model.anchored.config import AnchoredConfig
from foundation.model.anchored.geometric import GeometricAttention
from foundation.model.anchored.linear import RowLinear
from foundation.model.fields.recompute import recomputed


class FeedForward(nn.Module):
    """Two linear maps around an exact GELU."""

    def __init__(self, config: AnchoredConfig) -> None:
        super().__init__()
        self.into, self.out = RowLinear(config.width, config.hidden), RowLinear(config.hidden, config.width)

    def forward(self, x: Float[Tensor, "*rows width"]) -> Float[Tensor, "*rows width"]:
        """Row by row."""
        return self.out(nn.functional.gelu(self.into(x)))


class _Block(nn.Module):
    """What both kinds have: self-attention, a second attention of their own, a feed-forward layer and three norms."""

    def __init__(self, config: AnchoredConfig) -> None:
        super().__init__()
        self.attention = SelfAttention(config)
        self.feed_forward = FeedForward(config)
        self.norm1, self.norm2, self.norm3 = (make_norm(config.width) for _ in range(3))


class ProteinBlock(_Block):
    """Along the chain, then in space."""

    def __init__(self, config: AnchoredConfig) -> None:
        super().__init__(config)
        self.geometric = GeometricAttention(config)

    def forward(
        self,
        x: Float[Tensor, "R width"],
        turns: Float[Tensor, "R half"],
        rotation: Float[Tensor, "R 3 3"],
        translation: Float[Tensor, "R 3"],
        layout: AttentionLayout,
        attend: Attend,
    ) -> Float[Tensor, "R width"]:
        """Residues after the block; `layout` says which of them form a protein."""
        x = self.norm1(x + self.attention(x, turns, attend))
        x = self.norm2(x + recomputed(self.geometric, x, rotation, translation, layout))  # it keeps much, costs little
        return self.norm3(x + self.feed_forward(x))


class SequenceBlock(_Block):
    """The sequence so far, then the protein."""

    def __init__(self, config: AnchoredConfig) -> None:
        super().__init__(config)
        self.cross = CrossAttention(config)

    def forward(
        self,
        x: Float[Tensor, "*rows width"],
        turns: Float[Tensor, "T half"],
        place: Float[Tensor, "*rows width"],
        attend: Attend,
        read: Read,
    ) -> Float[Tensor, "*rows width"]:
        """Rows after the block; `place` is what `cross.place` makes of their places."""
        x = self.norm1(x + self.attention(x, turns, attend))
        x = self.norm2(x + self.cross(x, place, read))
        return self.norm3(x + self.feed_forward(x))
