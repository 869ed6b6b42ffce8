"""AdamW with its parameter groups, and the learning rate as one function of the step."""

import math

from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from foundation.config import OptimConfig
from foundation.errors import FoundationError


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Decay the matrices only: norms, biases and single vectors have no scale to hold down, and embedding rows that a
    batch does not hold would shrink without a gradient to answer."""
    embeddings = {id(p) for m in model.modules() if isinstance(m, nn.Embedding) for p in m.parameters(recurse=False)}
    decayed, plain = [], []
    for parameter in model.parameters():
        if parameter.requires_grad:
            (decayed if parameter.ndim >= 2 and id(parameter) not in embeddings else plain).append(parameter)
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]


def rate(step: int, steps: int, config: OptimConfig) -> float:
    """Learning rate of step 0, 1, ... `steps` - 1.

    Rises linearly over `warmup_fraction` of the run and reaches the peak at the last warm-up step. Then "cosine" falls
    along half a cosine, and "wsd" (warm-up, stable, decay; arXiv:2404.06395) holds the peak and falls linearly over the
    last `decay_fraction`. Both would reach `final_rate` at step `steps`.
    """
    warmup = max(1, round(config.warmup_fraction * steps))
    if step < warmup:
        return config.peak_rate * (step + 1) / warmup
    falls = steps - warmup
    if config.schedule == "wsd":
        falls = min(falls, round(config.decay_fraction * steps))
    progress = min(max((step + 1 - (steps - falls)) / (falls + 1), 0.0), 1.0)
    left = (1 + math.cos(math.pi * progress)) / 2 if config.schedule == "cosine" else 1 - progress
    return config.final_rate + (config.peak_rate - config.final_rate) * left


def optimizer(model: nn.Module, steps: int, config: OptimConfig) -> tuple[AdamW, LambdaLR]:
    """AdamW and its schedule over `steps` optimiser steps.

    Raises:
        FoundationError: rates, fractions or number of steps that make no schedule.
    """
    if steps < 1 or config.peak_rate <= 0 or not 0 <= config.final_rate <= config.peak_rate:
        raise FoundationError(
            f"optim: {steps} steps, peak rate {config.peak_rate}, final rate {config.final_rate}. "
            "Give at least one step, and 0 <= final <= peak."
        )
    if not 0 <= config.warmup_fraction <= 1 or not 0 <= config.decay_fraction <= 1:
        raise FoundationError(
            f"optim: warm-up {config.warmup_fraction} and decay {config.decay_fraction} are fractions of the run. "
            "Give 0 to 1."
        )
    groups = parameter_groups(model, config.weight_decay)
    fused = all(p.is_cuda for p in model.parameters())
    adam = AdamW(groups, lr=config.peak_rate, betas=config.betas, fused=fused)
    return adam, LambdaLR(adam, lambda step: rate(step, steps, config) / config.peak_rate)
