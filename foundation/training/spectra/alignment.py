"""Alignment: the embeddings of what is read and of what is asked of one object shall find each other in a batch.

What both share is the object; noise, hidden spans and instrument are not. InfoNCE (arXiv:1807.03748) of mean states.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

TEMPERATURE = 0.1


def misalignment(
    read: Float[Tensor, "N width"], asked: Float[Tensor, "N width"], owner: Int[Tensor, "N"]
) -> Float[Tensor, ""]:
    """Cross-entropy in nats of finding each object among those of the batch, both ways; 0 if there is only one.

    Args:
        read, asked: mean states of two spectra of each object.
        owner: number of the object of each pair; other pairs of the same object are not what it is told from.
    """
    one, other = (F.normalize(each - each.mean(0), dim=1) for each in (read, asked))  # less what all have in common
    own = torch.arange(len(one), device=one.device)
    again = (owner[:, None] == owner) & (own[:, None] != own)
    alike = (one @ other.T / TEMPERATURE).masked_fill(again, -torch.inf)
    return (F.cross_entropy(alike, own) + F.cross_entropy(alike.T, own)) / 2
