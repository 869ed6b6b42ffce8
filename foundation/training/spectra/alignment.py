"""Alignment: the embeddings of what is read and of what is asked of one object shall find each other in a batch.

What both share is the object; noise, hidden spans and instrument are not. InfoNCE (arXiv:1807.03748) of mean states.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from foundation.model.spectra.batch import SpectralBatch
from foundation.model.spectra.transformer import SpectralTransformer

TEMPERATURE = 0.1


def misalignment(model: SpectralTransformer, read: SpectralBatch, asked: SpectralBatch) -> Float[Tensor, ""]:
    """Cross-entropy in nats of finding each object among those of the batch, both ways; 0 if there is only one."""
    one, other = (_unit(model.encode(batch), batch) for batch in (read, asked))
    alike = one @ other.T / TEMPERATURE
    own = torch.arange(len(alike), device=alike.device)
    return (F.cross_entropy(alike, own) + F.cross_entropy(alike.T, own)) / 2


def _unit(states: Float[Tensor, "T width"], batch: SpectralBatch) -> Float[Tensor, "N width"]:
    """Mean states less their mean over the batch, of length 1: what all spectra have in common tells nothing."""
    pooled = torch.segment_reduce(states.float(), "mean", offsets=batch.offsets)
    return F.normalize(pooled - pooled.mean(0), dim=1)
