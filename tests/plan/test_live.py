"""Live: bytes of tensors, by hand."""

import torch
from torch import nn

from foundation.plan.live import Live


def test_what_is_alive_at_once_counts_and_what_is_freed_does_not():
    with Live(nn.Module()) as live:
        kept = torch.ones(1000)  # 4,000 bytes
        for _ in range(5):
            torch.ones(2000)  # 8,000 bytes, gone at once
        view = kept[::2]
    assert live.peak == 12_000 and live.now == 4_000
    del kept, view
    assert live.now == 0


def test_gradients_of_the_module_do_not_count_but_those_of_states_do():
    module = nn.Linear(100, 50, bias=False)
    rows = torch.ones(8, 100)
    live = Live(module)
    with live:
        out = module(rows)  # 8 x 50 floats
        out.sum().backward()
    assert live.gradients == 4 * 100 * 50
    weights = 4 * 100 * 50  # the gradient exists before it is handed over
    assert 4 * 8 * 50 <= live.peak <= 4 * (8 * 50 * 3 + 1) + weights + 64


def test_nothing_counts_after_the_end():
    live = Live(nn.Module())
    with live:
        live.close()
        torch.ones(1000)
    assert live.peak == 0
