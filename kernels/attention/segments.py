"""Segments of packed rows, from their offsets."""

import torch
from jaxtyping import Int
from torch import Tensor


def segment_of(offsets: Int[Tensor, "bounds"], rows: int) -> Int[Tensor, "rows"]:
    """Segment index of each of `rows` packed rows."""
    index = torch.arange(len(offsets) - 1, device=offsets.device)
    return torch.repeat_interleave(index, torch.diff(offsets), output_size=rows)
