"""Useful operations of an anchored model: linear maps and visible pairs; norms and softmax are not counted."""

import torch

from foundation.model.anchored.batch import AnchoredBatch
from foundation.model.anchored.config import AnchoredConfig
from foundation.model.anchored.order import CHOICES


def forward_flops(config: AnchoredConfig, batch: AnchoredBatch) -> float:
    """Operations of a forward pass (2 for each product and sum); a row is taken to see half of its sample's rows."""
    width, inner, hidden = config.width, config.heads * config.dim, config.hidden
    points, values = 3 * config.heads * config.points, 3 * config.heads * config.value_points
    residues, rows = _lengths(batch.residue_offsets), _lengths(batch.offsets)
    near = residues[batch.protein_of]  # of each sample's protein
    self_attention, feed_forward = 4 * width * inner, 2 * width * hidden
    geometric = width * (2 * points + values) + values // 3 * 4 * width
    protein = residues.sum() * (self_attention + geometric + feed_forward)
    protein += (residues**2).sum() * (2 * inner + points + values)
    sequence = rows.sum() * (self_attention + 2 * width * inner + width**2 + feed_forward)
    sequence += residues.sum() * 2 * width * inner
    sequence += (rows**2).sum() * inner + (rows * near).sum() * 2 * inner
    head = rows.sum() * width * CHOICES
    return float(2 * (config.protein_depth * protein + config.depth * sequence * (len(rows) > 0) + head))


def _lengths(offsets: torch.Tensor) -> torch.Tensor:
    return offsets.diff().double()
