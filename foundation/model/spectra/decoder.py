"""Decoders: from the states of what was read to flux at what is asked."""

from jaxtyping import Float
from torch import Tensor, nn

from foundation.errors import FoundationError
from foundation.kernels.attention import AttentionLayout
from foundation.model.attention import CrossAttention, make_norm
from foundation.model.block import GatedMLP, SelfBlock
from foundation.model.spectra.batch import Grid
from foundation.model.spectra.config import SpectraConfig


class AnswerBlock(nn.Module):
    """Asked patches read the states and never each other, so an answer does not depend on what else is asked."""

    def __init__(self, config: SpectraConfig) -> None:
        super().__init__()
        width, norm = config.width, config.block.norm
        self.norm1, self.norm2, self.context_norm = (make_norm(norm, width) for _ in range(3))
        self.attn = CrossAttention(width, config.heads, norm, config.block.qk_norm)
        self.mlp = GatedMLP(width, config.mlp_ratio)

    def forward(
        self,
        x: Float[Tensor, "Q width"],
        context: Float[Tensor, "T width"],
        layout: AttentionLayout,
        turns: Float[Tensor, "Q half"] | None = None,
        context_turns: Float[Tensor, "T half"] | None = None,
    ) -> Float[Tensor, "Q width"]:
        """The asked patches, updated."""
        x = x + self.attn(self.norm1(x), self.context_norm(context), layout, turns, context_turns)
        return x + self.mlp(self.norm2(x))


class CrossDecoder(nn.Module):
    """Answers for any grid."""

    def __init__(self, config: SpectraConfig) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(AnswerBlock(config) for _ in range(config.decoder_depth))

    def forward(
        self,
        places: Float[Tensor, "Q width"],
        states: Float[Tensor, "T width"],
        asked: Grid,
        read: Grid,
        turns: tuple[Tensor | None, Tensor | None],
    ) -> Float[Tensor, "Q width"]:
        """States of the asked patches."""
        layout = asked.reads(read)
        for block in self.blocks:
            places = block(places, states, layout, *turns)
        return places


class AdditiveDecoder(nn.Module):
    """The published one: places are added to the states, so as many patches are asked as were read."""

    def __init__(self, config: SpectraConfig) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(SelfBlock(config.block) for _ in range(config.decoder_depth))

    def forward(
        self,
        places: Float[Tensor, "Q width"],
        states: Float[Tensor, "T width"],
        asked: Grid,
        read: Grid,
        turns: tuple[Tensor | None, Tensor | None],
    ) -> Float[Tensor, "Q width"]:
        """States of the asked patches.

        Raises:
            FoundationError: a spectrum is asked at another number of patches than it was read at.
        """
        if not asked.offsets.equal(read.offsets):
            raise FoundationError(
                f"{len(places)} patches are asked of {len(states)} that were read, in other shares. An additive "
                "decoder answers patch by patch; use decoder='cross'."
            )
        x = states + places
        for block in self.blocks:
            x = block(x, asked.layout, turns[0])
        return x


DECODERS: dict[str, type[CrossDecoder | AdditiveDecoder]] = {"cross": CrossDecoder, "additive": AdditiveDecoder}
