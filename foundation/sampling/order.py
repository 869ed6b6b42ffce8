"""Decoding orders: which of the asked tokens are revealed at which step."""

import math
from itertools import pairwise
from typing import Literal

import torch
from jaxtyping import Int
from torch import Generator, Tensor

from foundation.errors import FoundationError

Schedule = Literal["cosine", "linear"]


def tokens_per_step(n: int, steps: int, schedule: Schedule) -> list[int]:
    """How many of `n` tokens are revealed at each of at most `steps` steps; each reveals at least one, all reveal n.

    "cosine" reveals few at first, while little is known (MaskGIT, arXiv:2202.04200); "linear" as many at each step.

    Raises:
        FoundationError: less than one step.
    """
    if steps < 1:
        raise FoundationError(f"steps={steps}. Use at least 1.")
    steps = min(steps, n)
    revealed = [0]
    for step in range(1, steps + 1):
        done = step / steps if schedule == "linear" else 1 - math.cos(math.pi / 2 * step / steps)
        least, most = revealed[-1] + 1, n - (steps - step)  # leave one for each later step
        revealed.append(min(max(round(n * done), least), most))
    return [after - before for before, after in pairwise(revealed)]


def random_steps(counts: list[int], generator: Generator) -> Int[Tensor, "n"]:
    """Step, from 1, at which each token is revealed: as many tokens at each step as `counts` says, in random order."""
    step = torch.repeat_interleave(torch.arange(1, len(counts) + 1), torch.tensor(counts, dtype=torch.long))
    return step[torch.randperm(len(step), generator=generator)]
