"""Muon on matrices inside of blocks, AdamW on the rest, each as torch has it."""

import pytest
import torch
from torch import nn

from foundation.config import OptimConfig
from foundation.training.optim import optimizer

if not hasattr(torch.optim, "Muon"):
    pytest.skip("this PyTorch has no Muon", allow_module_level=True)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.into = nn.Linear(3, 4)
        self.blocks = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])

    def forward(self, x):
        for block in (self.into, *self.blocks):
            x = block(x).tanh()
        return x


def steps(optim, model, count):
    generator = torch.Generator().manual_seed(1)
    for _ in range(count):
        optim.zero_grad()
        model(torch.randn(8, 3, generator=generator)).square().sum().backward()
        optim.step()


def made(seed=0):
    torch.manual_seed(seed)
    return Net()


def test_each_weight_is_stepped_by_its_own_optimiser():
    config = OptimConfig(kind="muon", peak_rate=0.1, weight_decay=0.02, warmup_fraction=0.0)
    ours, theirs = made(), made()
    steps(optimizer(ours, 100, config)[0], ours, 1)
    inside = [block.weight for block in theirs.blocks]
    adam = torch.optim.AdamW(
        [
            {"params": [theirs.into.weight], "weight_decay": 0.02},
            {"params": [theirs.into.bias, *(b.bias for b in theirs.blocks)], "weight_decay": 0.0},
        ],
        lr=0.1,
        betas=config.betas,
    )
    muon = torch.optim.Muon(inside, lr=0.1, weight_decay=0.02, adjust_lr_fn="match_rms_adamw")
    steps(adam, theirs, 1)
    muon.step()
    for name, weight in theirs.named_parameters():
        torch.testing.assert_close(ours.get_parameter(name), weight, msg=name)


def test_its_state_goes_on():
    config = OptimConfig(kind="muon", peak_rate=0.01)
    whole = made()
    steps(optimizer(whole, 100, config)[0], whole, 6)
    half = made()
    first, _ = optimizer(half, 100, config)
    generator = torch.Generator().manual_seed(1)
    batches = [torch.randn(8, 3, generator=generator) for _ in range(6)]
    second = None
    for number, batch in enumerate(batches):
        if number == 3:
            second, _ = optimizer(half, 100, config)
            second.load_state_dict(first.state_dict())
        used = second or first
        used.zero_grad()
        half(batch).square().sum().backward()
        used.step()
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), half.parameters(), strict=True))
