"""Useful floating-point operations of a batch: valid tokens and visible pairs only, no padding, no recomputation.

A matrix of m by n applied to t rows takes 2 m n t operations; attention over P visible pairs takes 4 D P (scores and
weighted sum). Norms, activations, rotations and table look-ups are not counted, as is usual for MFU
(arXiv:2204.02311, appendix B). The backward pass takes twice the forward pass.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from foundation.batch import TokenBatch
from foundation.kernels.attention import AttentionLayout
from foundation.model.decoding import DecoderRows
from foundation.model.transformer import FoundationTransformer


def training_flops(model: FoundationTransformer, batch: TokenBatch) -> Float[Tensor, ""]:
    """Operations of one forward and backward pass."""
    return 3 * forward_flops(model, batch)


def forward_flops(model: FoundationTransformer, batch: TokenBatch) -> Float[Tensor, ""]:
    """Operations of one forward pass and the heads at its queries, as a float64 scalar on the batch's device."""
    config, width = model.config, model.config.width
    mlp = 6 * width * int(2 * config.mlp_ratio * width / 3)
    block = 8 * width**2 + mlp  # per row: query, key, value and output maps, and the MLP
    outside = _embedding_and_heads(model, batch)
    if not config.decoder_depth:
        return outside + config.depth * (len(batch) * block + 4 * width * pairs(batch.layout))
    rows = DecoderRows.of(batch, config)
    content, queries = len(rows.encoded), len(rows.decoded)
    encoder = content * block + 4 * width * pairs(rows.encoder)
    seen = pairs(rows.decoder) + pairs(rows.cross)
    cross = 4 * width**2  # per query its own and the output map, per content row key and value
    decoder = queries * (block + cross) + content * cross + 4 * width * seen
    return outside + config.depth * encoder + 2 * width**2 * content + config.decoder_depth * decoder


def pairs(layout: AttentionLayout) -> Float[Tensor, ""]:
    """Number of (query, key) pairs in which the key is visible."""
    _, prefix, lo, hi = layout.ranges
    return (prefix + hi - lo).sum().double()


def _embedding_and_heads(model: FoundationTransformer, batch: TokenBatch) -> Float[Tensor, ""]:
    """Maps into the model from vectors (tables of codes cost nothing), and out of it."""
    into = [0 if s.discrete else s.size for s in model.spaces]
    out = [s.size if s.discrete else 2 * s.size for s in model.spaces]
    table = torch.tensor([into, out], dtype=torch.float64, device=batch.ids.device)
    weights = table[batch.is_query.long(), batch.space]  # [E]
    return 2 * model.config.width * weights.sum()
