"""Blocks: pre-norm attention and a gated MLP, for one stack of rows or for queries beside a context.

Order and norms are those of AION-1 (arXiv:2510.17960), which took them from 4M.
"""

from collections.abc import Callable

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foundation.config import ModelConfig
from foundation.kernels.attention import AttentionLayout
from foundation.model.attention import CrossAttention, SelfAttention, make_norm


class GatedMLP(nn.Module):
    """down(SiLU(gate x) * up x), without biases; gate and up are one matrix."""

    def __init__(self, width: int, ratio: float) -> None:
        super().__init__()
        hidden = int(2 * ratio * width / 3)  # as many parameters as a plain MLP of this ratio
        self.gate_up = nn.Linear(width, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Float[Tensor, "T width"]) -> Float[Tensor, "T width"]:
        """Row by row."""
        gate, up = self.gate_up(x).chunk(2, -1)
        return self.down(F.silu(gate) * up)


class SelfBlock(nn.Module):
    """Rows see each other, then themselves."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, norm = config.width, config.norm
        self.norm1, self.norm2 = make_norm(norm, width), make_norm(norm, width)
        self.attn = SelfAttention(width, config.heads, norm, config.qk_norm)
        self.mlp = GatedMLP(width, config.mlp_ratio)

    def forward(
        self,
        x: Float[Tensor, "T width"],
        layout: AttentionLayout,
        turns: Float[Tensor, "T half"] | None = None,
    ) -> Float[Tensor, "T width"]:
        """The rows, updated."""
        x = x + self.attn(self.norm1(x), layout, turns)
        return x + self.mlp(self.norm2(x))


class CrossBlock(nn.Module):
    """Queries see each other, then the content, then themselves."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, norm = config.width, config.norm
        self.norm1, self.query_norm, self.context_norm, self.norm2 = (make_norm(norm, width) for _ in range(4))
        self.self_attn = SelfAttention(width, config.heads, norm, config.qk_norm, config.queries_see == "mean")
        self.cross_attn = CrossAttention(width, config.heads, norm, config.qk_norm)
        self.mlp = GatedMLP(width, config.mlp_ratio)

    def forward(
        self,
        x: Float[Tensor, "Q width"],
        context: Float[Tensor, "C width"],
        layout: AttentionLayout,
        cross_layout: AttentionLayout,
        turns: Float[Tensor, "Q half"] | None = None,
        context_turns: Float[Tensor, "C half"] | None = None,
    ) -> Float[Tensor, "Q width"]:
        """The queries, updated; the context stays as it is."""

        def attend(y: Tensor) -> Tensor:
            return self.self_attn(y, layout, turns)

        def read(y: Tensor) -> Tensor:
            return self.cross_attn(y, self.context_norm(context), cross_layout, turns, context_turns)

        return self.around(x, attend, read)

    def around(
        self, x: Float[Tensor, "Q width"], attend: Callable[[Tensor], Tensor], read: Callable[[Tensor], Tensor]
    ) -> Float[Tensor, "Q width"]:
        """The rows, updated, however they gather from each other (`attend`) and from the content (`read`)."""
        x = x + attend(self.norm1(x))
        x = x + read(self.query_norm(x))
        return x + self.mlp(self.norm2(x))
