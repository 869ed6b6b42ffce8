"""Norm and rotation as one step of autograd: its slopes by finite differences, and what it keeps for them."""

import pytest
import torch

from foundation.kernels.prologue import HeadNorm
from foundation.kernels.prologue.pieces import norm_rotate


@pytest.mark.parametrize("rotated", [True, False])
@pytest.mark.parametrize(("kind", "biased"), [("rms", False), ("rms", True), ("layer", True), ("layer", False)])
def test_gradients_are_those_of_finite_differences(kind, biased, rotated, generator):
    x = torch.randn(3, 2, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    vectors = torch.randn(1 + biased, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    turns = torch.rand(3, 3, generator=generator, dtype=torch.float64) if rotated else None
    assert torch.autograd.gradcheck(lambda x, w: norm_rotate(x, HeadNorm(kind, *w), turns), (x, vectors))


@pytest.mark.parametrize(("kind", "numbers"), [("rms", 1), ("layer", 2)])
def test_only_the_input_is_kept(kind, numbers, generator):
    x, weight = torch.randn(50, 4, 32, generator=generator, requires_grad=True), torch.ones(32, requires_grad=True)
    kept = {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.numel()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        norm_rotate(x, HeadNorm(kind, weight), torch.rand(50, 16, generator=generator))
    assert sum(kept.values()) == x.numel() + weight.numel() + 50 * 16 + numbers * 50 * 4  # the last of each head
