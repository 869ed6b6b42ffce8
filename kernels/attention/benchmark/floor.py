"""The floor of attention: what the machine's own matrix products and exponentials allow, measured in the same run."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from statistics import median

import torch
from torch import Tensor


@dataclass(frozen=True)
class Ceilings:
    """What one device does at best, in one type.

    Args:
        flops: of matrix products, a second.
        exponentials: a second.
    """

    flops: float
    exponentials: float

    def rate(self, flops: float, exponentials: float) -> float:
        """FLOP/s of work that has so many of both in turn, as if neither could hide behind the other."""
        return flops / (flops / self.flops + exponentials / self.exponentials)


@cache
def ceilings(device: str, dtype: torch.dtype) -> Ceilings:
    """Measured on random numbers of a size that a cache no longer holds."""
    n = 8192 if device == "cuda" else 1536
    draw = torch.Generator(device).manual_seed(0)
    a, b = (torch.randn(n, n, generator=draw, device=device).to(dtype) for _ in range(2))
    x, out = torch.randn(2**20, generator=draw, device=device), torch.empty(2**20, device=device)
    wait = waiting(device)
    return Ceilings(2 * n**3 / _seconds(lambda: a @ b, wait), 2**20 / _seconds(lambda: _exp(x, out), wait))


def waiting(device: str) -> Callable[[], object]:
    """What to call before reading a clock: a GPU works on after a call has returned."""
    return torch.cuda.synchronize if device == "cuda" else lambda: None


def _exp(x: Tensor, out: Tensor) -> None:
    torch.exp(x, out=out)


def _seconds(function: Callable[[], object], wait: Callable[[], object], turns: int = 9) -> float:
    function()
    times = []
    for _ in range(turns):
        wait()
        start = time.perf_counter()
        function()
        wait()
        times.append(time.perf_counter() - start)
    return median(times)
