"""LearnedTokenizer: what tokenizers that are trained as autoencoders share, from records to codes and to a loss."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from foundation.data.records import Record
from foundation.kernels.products import ALWAYS, LaidOutProducts
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.stored import StoredTokenizer
from foundation.tokens import Tokens

Prepared = Mapping[str, Tensor]  # what `prepare` makes of a batch: name -> [B, ...]
CHUNK = 64  # records encoded at once; larger chunks fall out of the caches of a CPU


@dataclass(frozen=True)
class Reconstruction:
    """What comes out of an autoencoder, in the units in which it works.

    Args:
        value: what was put out.
        target: what was measured.
        weight: 1 / sigma of the target; 0 where it is unusable.
        indices: codes of the batch, 0 to `quantizer.size` - 1.
        penalty: the quantiser's loss and other terms besides the likelihood.
    """

    value: Float[Tensor, "*shape"]
    target: Float[Tensor, "*shape"]
    weight: Float[Tensor, "*shape"]
    indices: Int[Tensor, "B n"]
    penalty: Float[Tensor, ""]

    @property
    def chi2(self) -> Float[Tensor, ""]:
        """Mean over the usable pixels of ((value - target) / sigma)^2."""
        return chi2_per_pixel(self.value, self.target, self.weight)


def chi2_per_pixel(value: Tensor, target: Tensor, weight: Tensor) -> Float[Tensor, ""]:
    """Mean over the pixels of positive weight of (weight * (value - target))^2; 0 if there is none."""
    pull = torch.where(weight > 0, weight * (value - target), 0.0)
    return pull.square().sum() / (weight > 0).sum().clamp(min=1)


class LearnedTokenizer(StoredTokenizer):
    """A tokenizer with an encoder, a quantiser and a decoder."""

    record_type: type

    @abstractmethod
    def prepare_one(self, record: Record) -> dict[str, np.ndarray]:
        """The arrays the network reads, from one record; equal shapes for all records.

        Raises:
            TokenizerError: a record without a usable pixel, or one this tokenizer does not know.
        """

    @abstractmethod
    def codes(self, prepared: Prepared) -> Int[Tensor, "B L"]:
        """The token ids of a batch."""

    @abstractmethod
    def measured(self, prepared: Prepared) -> tuple[Tensor, Tensor]:
        """What the decoder should put out, and 1 / sigma of it, 0 where unusable: both [B, ...]."""

    @abstractmethod
    def reconstruct(self, prepared: Prepared) -> Reconstruction:
        """Encode, quantise and decode a batch, with gradients."""

    @abstractmethod
    def positions(self, record: Record) -> Float[Tensor, "L axes"]:
        """Physical positions of the tokens of a record, float64."""

    def pieces(self, record: Record) -> Iterator[dict[str, np.ndarray]]:
        """What is trained on of one record: all of it, or, where records differ in length, parts of equal shapes."""
        yield self.prepare_one(self._checked(record))

    def measures(self, records: Sequence[Record]) -> dict[str, float]:
        """What else tells how well records come back from their codes."""
        return {}

    def prepare(self, records: Sequence[Record]) -> dict[str, Tensor]:
        """The arrays of several records, or of all their pieces, stacked, on the device of the weights."""
        rows = [piece for record in records for piece in self.pieces(record)]
        return {key: torch.from_numpy(np.stack([row[key] for row in rows])).to(self.device) for key in rows[0]}

    @torch.no_grad()
    def encode(self, records: Sequence[Record]) -> list[Tokens]:
        """The tokens of each record, a chunk at a time."""
        tokens: list[Tokens] = []
        for start in range(0, len(records), CHUNK):
            chunk = records[start : start + CHUNK]
            with LaidOutProducts(ALWAYS):
                ids = self.codes(self.prepare(chunk)).cpu()
            tokens += [Tokens.of_space(self.space, i, self.positions(r)) for i, r in zip(ids, chunk, strict=True)]
        return tokens

    def _checked(self, record: Record) -> Record:
        if not isinstance(record, self.record_type):
            raise TokenizerError(
                f"{self.name}: got a {type(record).__name__}, this tokenizer takes a {self.record_type.__name__}. "
                "Give each record under the name of its own modality."
            )
        if not self.accepts(record):
            raise TokenizerError(
                f"{self.name}: the record has no usable pixel where this tokenizer looks. Leave it out of the sample."
            )
        return record
