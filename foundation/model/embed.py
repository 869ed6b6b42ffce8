"""Embedding: what a token is (its value, or that it is asked for) and of which space, as one vector."""

from collections.abc import Sequence
from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from foundation.batch import TokenBatch
from foundation.tokens import Space


class SpaceEmbedding(nn.Module):
    """Value and space vectors; positions are added by the caller (model/position.py).

    All spaces share one query vector, which stands for the value of a token that is asked (the mask token of AION-1,
    arXiv:2510.17960).
    """

    def __init__(self, spaces: Sequence[Space], width: int) -> None:
        super().__init__()
        self.spaces = tuple(spaces)
        self.value = ValueTables(spaces, width)
        self.space = nn.Embedding(len(spaces), width)
        self.query = nn.Parameter(torch.empty(width))

    def values(self, batch: TokenBatch, rows: Int[Tensor, "R"]) -> Float[Tensor, "R width"]:
        """Value vectors of these elements of the batch, all of which carry a value."""
        return self.value(batch, rows).to(self.query.dtype)  # autocast gives linear maps another dtype than tables

    def table(self, space: str) -> nn.Parameter:
        """[size, width] the vectors of a space's codes, or [width, size] its linear map."""
        return self.value.table(space)


class ValueTables(nn.ModuleDict):
    """What the values of each space are to the model: a table of codes, or a linear map of vectors."""

    def __init__(self, spaces: Sequence[Space], width: int) -> None:
        kinds = [nn.Embedding(s.size, width) if s.discrete else nn.Linear(s.size, width, bias=False) for s in spaces]
        super().__init__(dict(zip((s.name for s in spaces), kinds, strict=True)))
        self.spaces = tuple(spaces)

    def forward(self, batch: TokenBatch, rows: Int[Tensor, "R"]) -> Float[Tensor, "R width"]:
        """Vectors of these elements, in their order.

        Every space is evaluated, also on no rows: then all parameters have a gradient on all ranks.
        """
        by_space = batch.rows_by_space(rows, len(self.spaces))
        parts = [self._of_space(s, batch, r) for s, r in zip(self.spaces, by_space, strict=True)]
        place = torch.argsort(torch.argsort(batch.space[rows], stable=True))
        return torch.cat(parts).index_select(0, place)

    def table(self, space: str) -> nn.Parameter:
        """[size, width] the vectors of a space's codes, or [width, size] its linear map."""
        return cast(nn.Parameter, self[space].weight)

    def _of_space(self, space: Space, batch: TokenBatch, rows: Tensor) -> Tensor:
        table, ids = self.table(space.name), batch.ids[rows]
        if not space.discrete:
            vectors = batch.vectors.get(space.name, batch.position.new_zeros(0, space.size))
            ids = vectors[ids].to(table.dtype)  # [n, size]
        return self[space.name](ids).to(table.dtype)
