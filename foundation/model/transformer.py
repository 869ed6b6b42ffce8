"""FoundationTransformer: embeddings, one stack or an encoder and a decoder, and a head for each space.

Content (what is given or already revealed) and queries (what is asked) are the rows of a packed batch. With
`decoder_depth` 0 both pass one stack; otherwise content passes an encoder, and queries a decoder that sees each other
and the content. Who sees whom is the same in both cases and lies in the batch's layouts (and model/decoding.py).
Content never sees a query, so its states are those of a frozen encoder whatever is asked.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from foundation.batch import TokenBatch
from foundation.config import ModelConfig
from foundation.errors import FoundationError
from foundation.kernels.attention import AttentionLayout
from foundation.model.attention import make_norm
from foundation.model.block import CrossBlock, SelfBlock
from foundation.model.decoding import DecoderRows
from foundation.model.embed import SpaceEmbedding, ValueTables
from foundation.model.heads import SpaceHeads
from foundation.model.initial import initialise
from foundation.model.over_tokens import OverTokens
from foundation.model.position import GridSines, Learned, Rotary, Sinusoidal
from foundation.tokens import Space

ONE_STACK = (False, "all", "encoder")  # what a model without a decoder can have of the decoder's options


class FoundationTransformer(OverTokens):
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
        additive = {"sinusoidal": Sinusoidal, "learned": Learned, "grid": GridSines}.get(config.position)
        self.position = additive(self.spaces, width) if additive else None
        self.rotary = Rotary(self.spaces, width // config.heads) if config.position == "rotary" else None
        self.encoder = nn.ModuleList(SelfBlock(config) for _ in range(config.depth))
        self.norm = make_norm(config.norm, width)
        if config.decoder_depth:
            self.context = nn.Linear(width, width)
            self.decoder = nn.ModuleList(CrossBlock(config) for _ in range(config.decoder_depth))
            self.decoder_norm = make_norm(config.norm, width)
        self.decoder_values = ValueTables(self.spaces, width) if config.decoder_values else None
        self.heads = SpaceHeads(self.spaces, width)
        initialise(self, self.embed, self.heads)

    def forward(self, batch: TokenBatch) -> Float[Tensor, "E width"]:
        """States of all elements, in batch order: content as encoded, queries ready for their heads."""
        place, turns = self.places(batch)
        if self.config.decoder_depth:
            return self._encode_decode(batch, place, turns)
        content, queries = batch.content_rows, batch.query_rows
        given, asked = self.embed.values(batch, content) + place[content], self.embed.query + place[queries]
        x = _in_batch_order(content, queries, given, asked)
        return self.norm(self._encode(x, batch.layout, turns, self.config.depth))

    def features(self, batch: TokenBatch, layer: int | None = None) -> Float[Tensor, "C width"]:
        """States of the content alone, in the order of `batch.content_rows`.

        Args:
            layer: after this many blocks, 0 = embeddings; None = after all and the final norm, as in `forward`, or as
                the decoder sees them if the configuration says so.

        Raises:
            FoundationError: the encoder has no such layer.
        """
        depth = self.config.depth
        if layer is not None and not 0 <= layer <= depth:
            raise FoundationError(f"layer={layer}, but the encoder has {depth} blocks. Give 0 to {depth}, or None.")
        content = batch.content_rows
        place = self._place(batch)[content]
        x, turns = self.embed.values(batch, content) + place, _rows(self._turns(batch), content)
        x = self._encode(x, batch.content_layout, turns, depth if layer is None else layer)
        if layer is not None:
            return x
        return self.norm(x) if self.config.features == "encoder" else self.context(self.norm(x)) + place

    def _encode_decode(
        self, batch: TokenBatch, place: Float[Tensor, "E width"], turns: Float[Tensor, "E half"] | None
    ) -> Float[Tensor, "E width"]:
        rows = DecoderRows.of(batch, self.config)
        encoded, decoded = rows.encoded, rows.decoded
        encoded_turns, decoded_turns = _rows(turns, encoded), _rows(turns, decoded)
        x = self._encoded(batch, rows, place, turns)
        context = self.context(x) + place[encoded]
        y = self.decoder_input(batch, decoded) + place[decoded]
        for block in self.decoder:
            y = block(y, context, rows.decoder, rows.cross, decoded_turns, encoded_turns)
        return _in_batch_order(encoded, decoded, x, self.decoder_norm(y))

    def context_of(
        self, batch: TokenBatch, rows: DecoderRows, place: Float[Tensor, "E width"], turns: Tensor | None
    ) -> Float[Tensor, "C width"]:
        """What the decoder sees of the encoder's rows."""
        return self.context(self._encoded(batch, rows, place, turns)) + place[rows.encoded]

    def _encoded(
        self, batch: TokenBatch, rows: DecoderRows, place: Float[Tensor, "E width"], turns: Tensor | None
    ) -> Float[Tensor, "C width"]:
        x = self.embed.values(batch, rows.encoded) + place[rows.encoded]
        return self.norm(self._encode(x, rows.encoder, _rows(turns, rows.encoded), self.config.depth))

    def decoder_input(self, batch: TokenBatch, decoded: Int[Tensor, "D"]) -> Float[Tensor, "D width"]:
        """What the decoder's rows say of values: that they are asked, or what they were revealed to be."""
        asked = self.embed.query.expand(len(decoded), -1)
        if self.decoder_values is None:
            return asked
        known = torch.nonzero(~batch.is_query[decoded]).flatten()
        return asked.index_copy(0, known, self.decoder_values(batch, decoded[known]).to(asked.dtype))

    def _encode(self, x: Tensor, layout: AttentionLayout, turns: Tensor | None, depth: int) -> Tensor:
        for block in self.encoder[:depth]:
            x = block(x, layout, turns)
        return x

    def places(self, batch: TokenBatch) -> tuple[Float[Tensor, "E width"], Float[Tensor, "E half"] | None]:
        """Space and position of every element, as a vector to add and as turns of attention's heads."""
        return self._place(batch), self._turns(batch)

    def _place(self, batch: TokenBatch) -> Float[Tensor, "E width"]:
        """Space and position of every element."""
        space = self.embed.space(batch.space)
        return space if self.position is None else space + self.position(batch.space, batch.position, space)

    def _turns(self, batch: TokenBatch) -> Float[Tensor, "E half"] | None:
        return None if self.rotary is None else self.rotary(batch.space, batch.position, self.embed.query)


def _in_batch_order(
    rows: Int[Tensor, "R"], others: Int[Tensor, "S"], x: Float[Tensor, "R width"], y: Float[Tensor, "S width"]
) -> Float[Tensor, "E width"]:
    """States x of `rows` and y of the other rows, as the rows stand in the batch."""
    return torch.cat([x, y]).index_select(0, torch.argsort(torch.cat([rows, others])))


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
    if not config.decoder_depth and (config.decoder_values, config.queries_see, config.features) != ONE_STACK:
        raise FoundationError(
            f"decoder_values {config.decoder_values}, queries_see {config.queries_see}, features {config.features} in "
            "a model without a decoder. Set `--model.decoder_depth` to 1 or more, or leave them out."
        )
