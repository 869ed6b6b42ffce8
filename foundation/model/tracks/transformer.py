"""TrackTransformer: aligned modalities summed by position, an encoder of what is given, a decoder of what is asked.

With the defaults it is MIMIC (arXiv:2604.24506), tensor by tensor (`foundation.interop.mimic`). It takes the batches of
FoundationTransformer and answers in the same way, so that training and evaluation are the same.
"""

import math
from collections.abc import Sequence
from typing import cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor, nn

from foundation.batch import TokenBatch
from foundation.errors import FoundationError
from foundation.model.heads import SpaceHeads
from foundation.model.over_tokens import OverTokens
from foundation.model.tracks.block import DecoderBlock, EncoderBlock, make_norm
from foundation.model.tracks.config import TrackConfig
from foundation.model.tracks.embed import TrackEmbedding
from foundation.model.tracks.neighbours import look_near
from foundation.model.tracks.rows import AskedRows, GivenRows
from foundation.tokens import Space

SPREAD = 0.02  # standard deviation of tables and single vectors at first


class TrackTransformer(OverTokens):
    """Over discrete spaces, of which `config.text` are text.

    Args:
        config: sizes.
        spaces: what tokens it takes and predicts; the order gives the space indices of its batches.

    Raises:
        FoundationError: no space, two of one name, or spaces that `config` does not fit.
    """

    def __init__(self, config: TrackConfig, spaces: Sequence[Space]) -> None:
        super().__init__()
        names = [s.name for s in spaces]
        if not names or len(set(names)) < len(names):
            raise FoundationError(f"A model over the spaces {names}. Give at least one, each name once.")
        self.config, self.spaces = config, tuple(spaces)
        self.text = [i for i, name in enumerate(names) if name in config.text]
        self.embed = TrackEmbedding(spaces, config)
        self.registers = nn.Parameter(torch.empty(config.registers, config.width))
        self.query, self.dropped = (nn.Parameter(torch.empty(config.width)) for _ in range(2))
        self.encoder = nn.ModuleList(EncoderBlock(config) for _ in range(config.depth))
        self.norm = make_norm(config.width)
        self.context = nn.Linear(config.width, config.width)
        self.decoder = nn.ModuleList(DecoderBlock(config) for _ in range(config.decoder_depth))
        self.decoder_norm = make_norm(config.width)
        self.heads = SpaceHeads(spaces, config.width)
        self._initialise()

    def forward(self, batch: TokenBatch, generator: Generator | None = None) -> Float[Tensor, "E width"]:
        """States of all elements, in batch order: of content that of its row, of queries ready for their heads.

        Args:
            batch: everything asked in one step.
            generator: draws which rows the decoder does not see, on the CPU; None = it sees all.
        """
        given = GivenRows.of(batch, self.config.registers)
        rows, place = self._given(batch, given)
        turns = self._turns(given.index)
        for block in self.encoder:
            rows = block(rows, turns, given.directions)
        rows = self.norm(rows)
        queries = self._decode(batch, given, self._context(rows, place, given, generator), turns)
        back = torch.argsort(torch.cat([batch.content_rows, batch.query_rows]))
        return torch.cat([rows[given.row], queries]).index_select(0, back)

    def features(self, batch: TokenBatch, layer: int | None = None) -> Float[Tensor, "C width"]:
        """States of the content alone, in the order of `batch.content_rows`; elements of one row have the same.

        Args:
            layer: after this many blocks, 0 = embeddings; None = after all and the final norm.

        Raises:
            FoundationError: the encoder has no such layer.
        """
        given = GivenRows.of(batch, self.config.registers)
        return self.rows(batch, given, layer)[given.row]

    def rows(self, batch: TokenBatch, given: GivenRows, layer: int | None = None) -> Float[Tensor, "R width"]:
        """As `features`, for the rows themselves, registers included."""
        depth = self.config.depth
        if layer is not None and not 0 <= layer <= depth:
            raise FoundationError(f"layer={layer}, but the encoder has {depth} blocks. Give 0 to {depth}, or None.")
        x, turns = self._given(batch, given)[0], self._turns(given.index)
        for block in self.encoder[: depth if layer is None else layer]:
            x = block(x, turns, given.directions)
        return self.norm(x) if layer is None else x

    @property
    def sequential(self) -> frozenset[str]:
        """Text."""
        return frozenset(self.config.text)

    def _given(self, batch: TokenBatch, given: GivenRows) -> tuple[Float[Tensor, "R width"], Float[Tensor, "R width"]]:
        """Rows before the first block, and the vectors of their spaces alone; registers have none of the latter."""
        content = batch.content_rows
        values, space = self.embed.values(batch, content), self.embed.space(batch.space[content])
        empty = space.new_zeros(len(given.index), space.shape[1])
        place = empty.index_add(0, given.row, space)
        rows = place.index_add(0, given.row, values.to(space.dtype))
        registers = self.registers.to(space.dtype).repeat(batch.documents, 1)
        return rows.index_copy(0, torch.nonzero(given.is_register).flatten(), registers), place

    def _context(
        self, rows: Tensor, place: Tensor, given: GivenRows, generator: Generator | None
    ) -> Float[Tensor, "R width"]:
        if generator is not None:
            hidden = self._hidden(given, generator)[:, None]
            rows = torch.where(hidden, self.dropped.to(rows.dtype), rows)
            place = place.masked_fill(hidden, 0)
        return self.context(rows + place + 0 * self.dropped)  # on every rank it has a gradient

    def _hidden(self, given: GivenRows, generator: Generator) -> Bool[Tensor, "R"]:
        """Rows that the decoder does not see, of each document another share; never registers."""
        most, device = self.config.drop, given.index.device
        share = torch.rand(len(given.offsets) - 1, generator=generator).to(device) * most
        chance = torch.rand(len(given.index), generator=generator).to(device)
        return (chance < share.repeat_interleave(torch.diff(given.offsets))) & ~given.is_register

    def _decode(
        self, batch: TokenBatch, given: GivenRows, context: Tensor, context_turns: Tensor
    ) -> Float[Tensor, "Q width"]:
        """States of the queries, in the order of `batch.query_rows`."""
        asked = AskedRows.of(batch, self.text)
        x = self.embed.space(batch.space[batch.query_rows[asked.order]]) + self._symbols(batch, asked)
        turns, layout = self._turns(asked.index), asked.to_given(given)
        for block in self.decoder:
            x = block(x, context, turns, context_turns, asked.directions, layout)
        return self.decoder_norm(x)[torch.argsort(asked.order)]

    def _symbols(self, batch: TokenBatch, asked: AskedRows) -> Float[Tensor, "Q width"]:
        """What a query shows: in text the token before, else that it asks."""
        known = torch.nonzero(asked.before >= 0).flatten()
        shown = self.embed.values(batch, asked.before[known])
        return self.query.to(shown.dtype).repeat(len(asked.before), 1).index_copy(0, known, shown)

    def _turns(self, index: Int[Tensor, "T"]) -> Float[Tensor, "T half"]:
        """Fractions of a turn of the pairs of a head, float32; 0 for those that are not turned."""
        config = self.config
        pair = torch.arange(config.rotated // 2, dtype=torch.float64, device=index.device)
        turns = index.double()[:, None] * config.base ** (-2 * pair / config.rotated) / (2 * math.pi)
        folded = (turns - turns.floor()).float()
        return torch.nn.functional.pad(folded, (0, config.dim // 2 - config.rotated // 2))

    def _initialise(self) -> None:
        """As published, but for `config.local`: Xavier maps, zero biases, tables and vectors of deviation 0.02, text
        widened by zeros."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=SPREAD)
        for vector in (self.registers, self.query, self.dropped):
            nn.init.normal_(vector, std=SPREAD)
        if self.embed.text is not None:
            nn.init.eye_(self.embed.text.widen.weight)
        if self.config.local:
            first = cast(list[EncoderBlock], list(self.encoder)[: self.config.local])
            last = cast(list[DecoderBlock], list(self.decoder))
            look_near(self.embed, [self.registers, self.query], first, self.context, last, self.config)
