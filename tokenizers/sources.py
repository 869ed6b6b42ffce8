"""SourcesTokenizer: the sources of a cut-out <-> five codes each, as a sequence (AION-1, arXiv:2510.17960)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from foundation.data.records import Record
from foundation.data.sources import Sources
from foundation.model.position import SEQUENCE
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.bins import fitted, quantile_rows
from foundation.tokenizers.stored import StoredTokenizer
from foundation.tokens import Axis, Space, Tokens

COLUMNS = tuple(f.name for f in fields(Sources))
SHAPES = COLUMNS[2:]  # the columns with bins; the others count pixels


@dataclass(frozen=True)
class SourcesConfig:
    """Codes of one source.

    Args:
        most: sources that are kept, the first ones of the catalogue; AION-1's transformer takes 10.
        pixels: height and width of the cut-out, in which sources have to lie.
        codes: bins of each component of the shape.
        first: code at which those of the data begin; AION-1's sequences have 204 others before.
        reservoir: values kept while fitting.
    """

    most: int = 10
    pixels: int = 96
    codes: int = 1024
    first: int = 204
    reservoir: int = 100_000

    def __post_init__(self) -> None:
        if min(self.most, self.pixels, self.reservoir) < 1 or self.codes < 2 or self.first < 0:
            raise TokenizerError(
                f"sources: most {self.most}, pixels {self.pixels}, codes {self.codes}, first {self.first}, reservoir "
                f"{self.reservoir}. Give positive numbers, and two codes at least."
            )

    @property
    def sizes(self) -> tuple[int, ...]:
        """Codes of each column."""
        return (self.pixels, self.pixels, *(self.codes for _ in SHAPES))


class SourcesTokenizer(StoredTokenizer):
    """Codes of x, y, e1, e2 and radius of the first source, then of the next; a position counts codes from 0.

    A code of a shape is the number of bin values below it; decoding gives the value of the bin, and x and y to the
    pixel. Codes that do not make a whole source are left out, so that any generated sequence can be read.
    """

    kind = "sources"
    config_class = SourcesConfig
    table: Tensor

    def __init__(self, config: SourcesConfig, name: str = "sources") -> None:
        super().__init__(config, name)
        tokens = len(COLUMNS) * config.most
        axis = Axis(SEQUENCE, "", 0, tokens - 1, 1)
        self.space = Space(name, "discrete", config.first + sum(config.sizes), (axis,))
        table = torch.full((len(SHAPES), config.codes), torch.nan, dtype=torch.float64)
        self.register_buffer("table", table)  # values of the bins, ascending in each row; NaN until fitted

    def fit(self, records: Iterable[Sources], seed: int = 0) -> "SourcesTokenizer":
        """Set the bins to quantiles of the shapes, read once.

        Raises:
            TokenizerError: there is no source.
        """
        c = self.config
        shapes = (np.stack([getattr(record, name) for name in SHAPES]) for record in records)
        self.table.copy_(quantile_rows(shapes, c.codes, c.reservoir, seed))
        return self

    def accepts(self, record: Record) -> bool:
        """Whether there is a source."""
        return isinstance(record, Sources) and len(record) > 0

    def encode(self, records: Sequence[Record]) -> list[Tokens]:
        """Five tokens for each of the first sources.

        Raises:
            TokenizerError: no Sources, none in it, one outside the cut-out, or no bins yet.
        """
        return [self._encode(record) for record in records]

    def decode(self, tokens: Sequence[Tokens]) -> list[Record]:
        """The sources of each token set."""
        return [self._decode(self._check_tokens(t)) for t in tokens]

    def _encode(self, record: Record) -> Tokens:
        if not isinstance(record, Sources) or not len(record):
            got = "no source" if isinstance(record, Sources) else f"a {type(record).__name__}"
            raise TokenizerError(f"{self.name}: got {got}, this tokenizer takes a Sources with one at least.")
        table = fitted(self.table, self.name)
        kept = [torch.from_numpy(getattr(record, n)[: self.config.most]).double() for n in COLUMNS]
        place = torch.stack(kept[:2], 1).round()
        if place.min() < 0 or place.max() >= self.config.pixels:
            raise TokenizerError(
                f"{self.name}: sources lie at pixels {float(place.min()):g} to {float(place.max()):g}, the cut-out has "
                f"0 to {self.config.pixels - 1}. Leave out those outside."
            )
        shape = [torch.bucketize(x, bins[:-1]) for x, bins in zip(kept[2:], table, strict=True)]
        codes = torch.cat([place.long(), torch.stack(shape, 1)], 1) + self._starts()  # [sources, 5]
        return Tokens.of_space(self.space, codes.flatten(), torch.arange(codes.numel()).double()[:, None])

    def _decode(self, tokens: Tokens) -> Sources:
        whole = len(tokens) // len(COLUMNS) * len(COLUMNS)
        codes = tokens.ids[:whole].view(-1, len(COLUMNS)) - self._starts()
        good = ((codes >= 0) & (codes < torch.tensor(self.config.sizes))).all(1)
        x, y, *shape = codes[good].unbind(1)
        columns = [x, y, *(bins[code] for bins, code in zip(fitted(self.table, self.name), shape, strict=True))]
        return Sources(*(c.numpy() for c in columns))

    def _starts(self) -> torch.Tensor:
        """The first code of each column."""
        return self.config.first + torch.tensor([0, *self.config.sizes[:-1]]).cumsum(0)
