"""The optimiser with its parameter groups, and the learning rate as one function of the step."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

from torch import nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from foundation.config import OptimConfig
from foundation.errors import FoundationError
from foundation.model.whole import whole_shape
from foundation.training.muon import MuonAndAdamW, with_muon


def parameter_groups(
    model: nn.Module,
    weight_decay: float,
    rate_of: Mapping[str, float] | None = None,
    beside: Sequence[nn.Module] = (),
    tuned_width: int = 0,
) -> list[dict[str, Any]]:
    """Groups of parameters, each with its "weight_decay" and the "factor" on its rate.

    Decay the matrices only: norms, biases and single vectors have no scale to hold down, and embedding rows that a
    batch does not hold would shrink without a gradient to answer.

    Args:
        rate_of: factors by the beginning of a parameter's name.
        beside: modules that are trained with the model, at the factor 1.
        tuned_width: width of the model that the rate was found for; 0 = this one's.

    Raises:
        FoundationError: a factor below 0, or a beginning that no name has.
    """
    modules = [m for part in (model, *beside) for m in part.modules()]
    embeddings = {id(p) for m in modules if isinstance(m, nn.Embedding) for p in m.parameters(recurse=False)}
    factors = _factors([name for name, _ in model.named_parameters()], rate_of or {})
    growth = _growth(model, tuned_width)
    trained = [(factors[name], growth.get(name, 1.0), parameter) for name, parameter in model.named_parameters()]
    trained += [(1.0, 1.0, parameter) for part in beside for parameter in part.parameters()]
    groups: dict[tuple[bool, float, float], dict[str, Any]] = {}
    for factor, grown, parameter in trained:
        if parameter.requires_grad:
            decays = len(whole_shape(parameter)) >= 2 and id(parameter) not in embeddings
            new = {"params": [], "weight_decay": weight_decay * grown if decays else 0.0, "factor": factor / grown}
            groups.setdefault((decays, factor, -grown), new)["params"].append(parameter)
    return [groups[key] for key in sorted(groups, reverse=True)]


def _growth(model: nn.Module, tuned_width: int) -> dict[str, float]:
    """By how much the inputs of linear maps have grown since the rate was found, by the names of their weights.

    With Adam a map of n inputs changes its output by about n rates a step (arXiv:2203.03466, table 8).
    """
    if not tuned_width:
        return {}
    width = cast(int, model.config.width)  # pyright: ignore - of every model here but a U-Net
    maps = [(name, part) for name, part in model.named_modules() if isinstance(part, nn.Linear)]
    return {f"{name}.weight": width / tuned_width for name, part in maps if part.in_features >= width}


def _factors(names: Sequence[str], rate_of: Mapping[str, float]) -> dict[str, float]:
    for start, factor in rate_of.items():
        if factor < 0 or not any(name.startswith(start) for name in names):
            raise FoundationError(
                f"optim.rate_of gives {start!r} the factor {factor}. Give a factor of at least 0, and the beginning of "
                f"parameter names such as {names[0]!r} or {names[-1]!r}."
            )
    fitting = {name: [start for start in rate_of if name.startswith(start)] for name in names}
    return {name: rate_of[max(starts, key=len)] if starts else 1.0 for name, starts in fitting.items()}


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


def optimizer(
    model: nn.Module, steps: int, config: OptimConfig, beside: Sequence[nn.Module] = ()
) -> tuple[Optimizer, LambdaLR]:
    """The optimiser and its schedule over `steps` steps, of a model and of modules that are trained beside it.

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
    groups = parameter_groups(model, config.weight_decay, config.rate_of, beside, config.tuned_width)
    for group in groups:
        group["lr"] = config.peak_rate * group["factor"]
    if config.kind == "muon":
        chosen = MuonAndAdamW(with_muon(groups, model), config.betas)
    else:
        fused = all(p.is_cuda for p in model.parameters())
        chosen = AdamW(groups, lr=config.peak_rate, betas=config.betas, fused=fused)
    return chosen, LambdaLR(chosen, lambda step: rate(step, steps, config) / config.peak_rate)
