"""OverTokens: what training, sampling and evaluation ask of any model over tokens."""

from abc import ABC, abstractmethod
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from foundation.batch import TokenBatch
from foundation.model.heads import Prediction, SpaceHeads
from foundation.tokens import Space


class OverTokens(nn.Module, ABC):
    """A module with spaces and a head for each.

    Args:
        config: sizes, with a `width`.
        spaces: what tokens it takes and predicts; the order gives the space indices of its batches.
        heads: from states to distributions.
    """

    config: Any
    spaces: tuple[Space, ...]
    heads: SpaceHeads

    @abstractmethod
    def forward(self, batch: TokenBatch) -> Float[Tensor, "E width"]:
        """States of all elements, in batch order."""

    @abstractmethod
    def features(self, batch: TokenBatch, layer: int | None = None) -> Float[Tensor, "C width"]:
        """States of the content alone, in the order of `batch.content_rows`."""

    @property
    def sequential(self) -> frozenset[str]:
        """Spaces that are asked from left to right in one pass, each token after the one before."""
        return frozenset()

    def predict(self, states: Float[Tensor, "E width"], batch: TokenBatch) -> dict[str, Prediction]:
        """The distribution of every asked token, by space; spaces nobody asks for are left out."""
        rows = batch.rows_by_space(batch.query_rows, len(self.spaces))
        asked = [(s.name, r) for s, r in zip(self.spaces, rows, strict=True) if len(r)]
        return {name: Prediction(r, self.heads(name, states[r])) for name, r in asked}
