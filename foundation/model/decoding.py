"""DecoderRows: which elements of a batch pass the encoder and which the decoder, and who sees whom there."""

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from foundation.batch import TokenBatch
from foundation.config import ModelConfig
from foundation.kernels.attention import AttentionLayout


@dataclass(frozen=True, eq=False)
class DecoderRows:
    """C elements of the encoder and D of the decoder, by the rule of reveal steps.

    Args:
        encoded: int64 [C], ascending.
        decoded: int64 [D], by document, then perhaps by space, then content before queries, then by code.
        encoder: the encoder's rows among each other.
        decoder: the decoder's rows among each other.
        cross: the decoder's rows to the encoder's.
    """

    encoded: Int[Tensor, "C"]
    decoded: Int[Tensor, "D"]
    encoder: AttentionLayout
    decoder: AttentionLayout
    cross: AttentionLayout

    @classmethod
    def of(cls, batch: TokenBatch, config: ModelConfig) -> "DecoderRows":
        """The rows of a batch for a model with a decoder."""
        in_encoder = batch.code == 0 if config.decoder_values else ~batch.is_query
        encoded, decoded = torch.nonzero(in_encoder).flatten(), torch.nonzero(~in_encoder).flatten()
        keys, documents = (torch.searchsorted(rows, batch.offsets) for rows in (encoded, decoded))
        segments = documents
        if config.queries_see == "space":
            decoded, segments = _by_space(batch, decoded)
        code = batch.code[decoded]
        return cls(
            encoded,
            decoded,
            AttentionLayout.packed(keys, batch.code[encoded]),
            AttentionLayout.packed(segments, code),
            AttentionLayout(documents, code, keys, batch.code[encoded]),
        )


def _by_space(batch: TokenBatch, rows: Int[Tensor, "D"]) -> tuple[Int[Tensor, "D"], Int[Tensor, "segments"]]:
    """The rows of each document by space, and where each space of a document begins."""
    part = batch.document[rows] * (batch.space.max() + 1) + batch.space[rows]
    part, order = part.sort(stable=True)
    counts = part.unique_consecutive(return_counts=True)[1]
    return rows[order], torch.cat([counts.new_zeros(1), counts.cumsum(0)])
