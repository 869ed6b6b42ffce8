"""FoundationTransformer: embeddings, one stack or an encoder and a decoder, and a head for each space.

Content (what is given or already revealed) and queries (what is asked) are the rows of a packed batch. With
`decoder_depth` 0 both pass one stack; otherwise content passes an encoder, and queries a decoder that sees each other
and the content. Who sees whom is the same in both cases and lies in the batch's layouts. Content never sees a query,
so its states are those of a frozen encoder whatever is asked.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foundation.batch import TokenBatch
from foundation.config import ModelConfig
from foundation.errors import FoundationError
from foundation.kernels.attention import AttentionLayout
from foundation.model.attention import make_norm
from foundation.model.block import CrossBlock, SelfBlock
from foundation.model.embed import SpaceEmbedding
from foundation.model.heads import Prediction, SpaceHeads
from foundation.model.initial import initialise
from foundation.model.position import Learned, Rotary, Sinusoidal
from foundation.tokens import Space


class FoundationTransformer(nn.Module):
    """A masked transformer over tokens of the given spaces; it knows no modality by name.

    Args:
        config: sizes and parts.
        spaces: what tokens it takes and predicts; the order gives the space indices of its batches.

    Raises:
        FoundationError: no space, two of one name, or a width that the heads do not divide.
    """

    def __init__(self, config: ModelConfig, spaces: Sequence[Space]) -> None:
        super().__init__()
        _check(config, spaces)
        self.config, self.spaces = config, tuple(spaces)
        width = config.width
        self.embed = SpaceEmbedding(self.spaces, width)
        additive = {"sinusoidal": Sinusoidal, "learned": Learned}.get(config.position)
        self.position = additive(self.spaces, width) if additive else None
        self.rotary = Rotary(self.spaces, width // config.heads) if config.position == "rotary" else None
        self.encoder = nn.ModuleList(SelfBlock(config) for _ in range(config.depth))
        self.norm = make_norm(config.norm, width)
        if config.decoder_depth:
            self.context = nn.Linear(width, width)
            self.decoder = nn.ModuleList(CrossBlock(config) for _ in range(config.decoder_depth))
            self.decoder_norm = make_norm(config.norm, width)
        self.heads = SpaceHeads(self.spaces, width)
        initialise(self, self.embed, self.heads)

    def forward(self, batch: TokenBatch) -> Float[Tensor, "E width"]:
        """States of all elements, in batch order: content as encoded, queries ready for their heads."""
        place, turns = self._place(batch), self._turns(batch)
        content, queries = batch.content_rows, batch.query_rows
        given, asked = self.embed.values(batch) + place[content], self.embed.query + place[queries]
        if not self.config.decoder_depth:
            x = _interleave(batch, given, asked)
            return self.norm(self._encode(x, batch.layout, turns, self.config.depth))
        content_turns, query_turns = _rows(turns, content), _rows(turns, queries)
        given = self.norm(self._encode(given, batch.content_layout, content_turns, self.config.depth))
        context = self.context(given) + place[content]
        for block in self.decoder:
            asked = block(asked, context, batch.query_layout, batch.cross_layout, query_turns, content_turns)
        return _interleave(batch, given, self.decoder_norm(asked))

    def features(self, batch: TokenBatch, layer: int | None = None) -> Float[Tensor, "C width"]:
        """States of the content alone, in the order of `batch.content_rows`.

        Args:
            layer: after this many blocks, 0 = embeddings; None = after all and the final norm, as in `forward`.

        Raises:
            FoundationError: the encoder has no such layer.
        """
        depth = self.config.depth
        if layer is not None and not 0 <= layer <= depth:
            raise FoundationError(f"layer={layer}, but the encoder has {depth} blocks. Give 0 to {depth}, or None.")
        content = batch.content_rows
        x = self.embed.values(batch) + self._place(batch)[content]
        turns = _rows(self._turns(batch), content)
        x = self._encode(x, batch.content_layout, turns, depth if layer is None else layer)
        return self.norm(x) if layer is None else x

    def predict(self, states: Float[Tensor, "E width"], batch: TokenBatch) -> dict[str, Prediction]:
        """The distribution of every asked token, by space; spaces nobody asks for are left out."""
        rows = batch.rows_by_space(batch.query_rows, len(self.spaces))
        return {
            s.name: Prediction(r, self.heads(s.name, states[r]))
            for s, r in zip(self.spaces, rows, strict=True)
            if len(r)
        }

    def _encode(self, x: Tensor, layout: AttentionLayout, turns: Tensor | None, depth: int) -> Tensor:
        for block in self.encoder[:depth]:
            x = block(x, layout, turns)
        return x

    def _place(self, batch: TokenBatch) -> Float[Tensor, "E width"]:
        """Space and position of every element."""
        space = self.embed.space(batch.space)
        return space if self.position is None else space + self.position(batch.space, batch.position, space)

    def _turns(self, batch: TokenBatch) -> Float[Tensor, "E half"] | None:
        return None if self.rotary is None else self.rotary(batch.space, batch.position, self.embed.query)


def _interleave(
    batch: TokenBatch, content: Float[Tensor, "C width"], queries: Float[Tensor, "Q width"]
) -> Float[Tensor, "E width"]:
    """Rows of content and of queries back in batch order."""
    place = torch.argsort(torch.cat([batch.content_rows, batch.query_rows]))
    return torch.cat([content, queries]).index_select(0, place)


def _rows(turns: Float[Tensor, "E half"] | None, rows: Tensor) -> Float[Tensor, "R half"] | None:
    return None if turns is None else turns[rows]


def _check(config: ModelConfig, spaces: Sequence[Space]) -> None:
    names = [s.name for s in spaces]
    if not names or len(set(names)) < len(names) or any("." in name for name in names):
        raise FoundationError(f"A model over the spaces {names}. Give at least one, each name once and without a dot.")
    if config.width % (2 * config.heads) or config.depth < 1:
        raise FoundationError(
            f"width {config.width}, {config.heads} heads, depth {config.depth}. "
            "Choose a width divisible by twice the heads, and at least one block."
        )
