"""TrackEmbedding: what tokens are and of which space; text spaces share one table that is widened by a linear map."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from foundation.batch import TokenBatch
from foundation.errors import FoundationError
from foundation.model.tracks.config import TrackConfig
from foundation.tokens import Space


class TrackEmbedding(nn.Module):
    """A table for each space that is no text, one for all text, and a vector for each space.

    Raises:
        FoundationError: a continuous space, a text space that is not there, or text spaces of different sizes.
    """

    def __init__(self, spaces: Sequence[Space], config: TrackConfig) -> None:
        super().__init__()
        _check(spaces, config)
        self.spaces, self.text_names = tuple(spaces), frozenset(config.text)
        own = [s for s in spaces if s.name not in self.text_names]
        self.value = nn.ModuleDict({s.name: nn.Embedding(s.size, config.width) for s in own})
        sizes = [s.size for s in spaces if s.name in self.text_names]
        self.text = _Text(sizes[0], config) if sizes else None
        self.space = nn.Embedding(len(spaces), config.width)

    def values(self, batch: TokenBatch, elements: Int[Tensor, "n"]) -> Float[Tensor, "n width"]:
        """Vectors of these elements' codes, without those of their spaces.

        Every table is used, also on no rows: then all parameters have a gradient on all ranks.
        """
        rows = batch.rows_by_space(elements, len(self.spaces))
        parts = [self._of_space(s.name)(batch.ids[r]) for s, r in zip(self.spaces, rows, strict=True)]
        where = torch.argsort(torch.argsort(batch.space[elements], stable=True))
        return torch.cat(parts).index_select(0, where)

    def _of_space(self, name: str) -> nn.Module:
        if name in self.text_names and self.text is not None:
            return self.text
        return self.value[name]


class _Text(nn.Module):
    """Narrow table, linear map, layer norm."""

    def __init__(self, size: int, config: TrackConfig) -> None:
        super().__init__()
        self.table = nn.Embedding(size, config.text_width)
        self.widen, self.norm = nn.Linear(config.text_width, config.width), nn.LayerNorm(config.width)

    def forward(self, ids: Int[Tensor, "n"]) -> Float[Tensor, "n width"]:
        """Vectors of WordPieces."""
        return self.norm(self.widen(self.table(ids)))


def _check(spaces: Sequence[Space], config: TrackConfig) -> None:
    continuous = [s.name for s in spaces if not s.discrete]
    if continuous:
        raise FoundationError(f"A model of summed tracks takes codes; {', '.join(continuous)} are vectors. Digitise.")
    missing = set(config.text) - {s.name for s in spaces}
    sizes = {s.size for s in spaces if s.name in config.text}
    if missing or len(sizes) > 1:
        raise FoundationError(
            f"Text spaces {', '.join(config.text)}: missing are {', '.join(sorted(missing)) or 'none'}, their sizes "
            f"are {sorted(sizes)}. Name spaces of the data, with one text tokenizer for all."
        )
