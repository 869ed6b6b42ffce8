"""Norm and rotation as one step of autograd: its slopes by finite differences, and what it keeps for them."""

import pytest
import torch

from foundation.kernels.prologue.rms import rms_rotate


@pytest.mark.parametrize("rotated", [True, False])
def test_gradients_are_those_of_finite_differences(rotated, generator):
    x = torch.randn(3, 2, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(6, generator=generator, dtype=torch.float64, requires_grad=True)
    turns = torch.rand(3, 3, generator=generator, dtype=torch.float64) if rotated else None
    assert torch.autograd.gradcheck(lambda x, w: rms_rotate(x, w, turns, 1e-6), (x, weight))


def test_only_the_input_is_kept(generator):
    x, weight = torch.randn(50, 4, 32, generator=generator, requires_grad=True), torch.ones(32, requires_grad=True)
    kept = {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.numel()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        rms_rotate(x, weight, torch.rand(50, 16, generator=generator), 1e-6)
    assert sum(kept.values()) == x.numel() + weight.numel() + 50 * 16 + 50 * 4  # and the norm of each head
