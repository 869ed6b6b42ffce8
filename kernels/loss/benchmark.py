"""Chunked linear map and cross-entropy against all logits at once, on a codebook of images (10,000 codes)."""

from collections.abc import Callable

import torch
from torch import Tensor

from foundation.bench import Row, bytes_compared, side_by_side
from foundation.kernels.loss.loss import linear_cross_entropy
from foundation.kernels.loss.reference import reference_linear_cross_entropy

TARGETS, WIDTH, SIZE = 4096, 256, 10_000


def chunked_vs_whole() -> list[Row]:
    """Targets per second and bytes at the peak, forward and backward, in float32."""
    usual, ours = (_step(way) for way in (reference_linear_cross_entropy, linear_cross_entropy))
    name = f"cross-entropy over {SIZE:,} codes"
    return [
        side_by_side(f"{name}, forward and backward", usual, ours, TARGETS, "targets/s", turns=3),
        bytes_compared(f"{name}, memory", usual, ours),
    ]


def _step(way: Callable[..., Tensor]) -> Callable[[], object]:
    seed = torch.Generator().manual_seed(0)
    states = torch.randn(TARGETS, WIDTH, generator=seed).requires_grad_()
    weight = (torch.randn(SIZE, WIDTH, generator=seed) / WIDTH**0.5).requires_grad_()
    target = torch.randint(SIZE, (TARGETS,), generator=seed)
    return lambda: torch.autograd.grad(way(states, weight, target), (states, weight))
