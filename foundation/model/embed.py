"""Embedding: what a token is (its value, or that it is asked for) and of which space, as one vector."""

from collections.abc import Sequence
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foundation.batch import TokenBatch
from foundation.tokens import Space


class SpaceEmbedding(nn.Module):
    """Value and space vectors; positions are added by the caller (model/position.py).

    A discrete space has a table of codes, a continuous one a linear map; all spaces share one query vector, which
    stands for the value of a token that is asked (the mask token of AION-1, arXiv:2510.17960).
    """

    def __init__(self, spaces: Sequence[Space], width: int) -> None:
        super().__init__()
        self.spaces = tuple(spaces)
        self.value = nn.ModuleDict(
            {
                s.name: nn.Embedding(s.size, width) if s.discrete else nn.Linear(s.size, width, bias=False)
                for s in spaces
            }
        )
        self.space = nn.Embedding(len(spaces), width)
        self.query = nn.Parameter(torch.empty(width))

    def values(self, batch: TokenBatch) -> Float[Tensor, "C width"]:
        """Value vectors of the batch's content, in the order of `batch.content_rows`.

        Every space is evaluated, also on no rows: then all parameters have a gradient on all ranks.
        """
        rows = batch.rows_by_space(batch.content_rows, len(self.spaces))
        parts = [self._of_space(s, batch, r) for s, r in zip(self.spaces, rows, strict=True)]
        place = torch.argsort(torch.cat(rows))  # content rows ascend
        return torch.cat(parts).index_select(0, place)

    def table(self, space: str) -> nn.Parameter:
        """[size, width] the vectors of a space's codes, or [width, size] its linear map."""
        return cast(nn.Parameter, self.value[space].weight)

    def _of_space(self, space: Space, batch: TokenBatch, rows: Tensor) -> Tensor:
        embed, ids = self.value[space.name], batch.ids[rows]
        if not space.discrete:
            vectors = batch.vectors.get(space.name, batch.position.new_zeros(0, space.size))
            ids = vectors[ids].to(self.table(space.name).dtype)  # [n, size]
        return embed(ids).to(self.query.dtype)  # autocast gives linear maps another dtype than tables
