"""The formula for a field model's operations against PyTorch's own count of what it runs."""

import math

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from foundation.data.fields.batch import FieldBatch
from foundation.data.fields.record import PERIODIC, Field
from foundation.model.fields import convolution
from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.strides import token_grid
from foundation.model.fields.transformer import FieldTransformer
from foundation.model.fields.unet import UNet
from foundation.model.fields.unet_config import UNetConfig
from foundation.training.fields.flops import forward_flops, load_of

NAMES = ("density", "pressure")
RING, WALLS = torch.full((3, 2), 2), torch.zeros(3, 2, dtype=torch.long)
CONFIG = FieldModelConfig(width=64, depth=2, heads=2, hidden=48, inner=16, frequencies=2, tokens=(8, 8, 4))


@pytest.mark.parametrize("boundary", [RING, WALLS], ids=["ring", "walls"])
@pytest.mark.parametrize("space", [(32, 32, 1), (16, 16, 16)], ids=str)
def test_operations_are_those_that_pytorch_counts(space, boundary, generator, monkeypatch):
    monkeypatch.setattr(convolution, "FEW", 0)  # the faster way multiplies zeros beyond the edges, which is no use
    model = FieldTransformer(CONFIG, NAMES).eval()
    values = torch.randn(2, 3, len(NAMES), *space, generator=generator)
    boundary = torch.where(torch.tensor(space)[:, None] == 1, RING, boundary)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(values, NAMES, boundary)
    grid = model.setting(values, NAMES, boundary).grid
    frames, tokens = 6, math.prod(token_grid(grid))
    fused = CONFIG.depth * frames * 4 * CONFIG.width * tokens**2  # which PyTorch does not count on the CPU
    flags = 2 * CONFIG.inner * 3 * math.prod(8 * ((a.tokens - 1) * 2 + 4) for a in grid if a.live)  # of one frame
    counted = counter.get_total_flops() + fused - flags
    found = forward_flops(CONFIG, grid, windows=2, frames=3, channels=len(NAMES))
    assert found == pytest.approx(counted, rel=0.01)


def test_more_of_anything_costs_more():
    grid = FieldTransformer(CONFIG, NAMES).setting(torch.zeros(1, 2, 2, 32, 32, 1), NAMES, RING).grid
    base = forward_flops(CONFIG, grid, 1, 2, 2)
    assert forward_flops(CONFIG, grid, 2, 2, 2) == pytest.approx(2 * base)
    assert forward_flops(CONFIG, grid, 1, 4, 2) > 2 * base  # later frames see more
    assert base < forward_flops(CONFIG, grid, 1, 2, 5) < 2 * base


@pytest.mark.parametrize("blocks", [1, 2])
@pytest.mark.parametrize("space", [(16, 12), (8, 8, 8)], ids=str)
def test_operations_of_the_unet_are_those_that_pytorch_counts(space, blocks, generator):
    model = UNet(UNetConfig(channels=(8, 16, 24), blocks=blocks, frames=2), NAMES).eval()
    axes = len(space)
    values = torch.randn(4, len(NAMES), *space, generator=generator).numpy()
    field = Field(values, NAMES, (False, False), np.ones(axes), (PERIODIC,) * axes, np.arange(4))
    batch = FieldBatch.of([field], "")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(batch.values[:, :-1], NAMES, batch.boundary)
    assert load_of(model.config, batch, 1).operations == counter.get_total_flops()
    assert load_of(model.config, batch, 2).tokens == 2 * 3 * math.prod(space)
