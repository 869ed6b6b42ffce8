"""LevelQuantizer: the mean flux of a spectrum as one code, even in log10(mean + 1) (AION-1, arXiv:2510.17960)."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

FAINTEST = 0.1  # smaller means, also negative ones, count as this much


class LevelQuantizer(nn.Module):
    """Bins of log10(mean flux + 1) from `low` to `high`; the code is the number of bin values below."""

    buckets: Tensor

    def __init__(self, low: float, high: float, codes: int) -> None:
        super().__init__()
        self.register_buffer("buckets", torch.linspace(low, high, codes))

    def code(self, mean_flux: float) -> int:
        """The code of a mean flux."""
        level = torch.tensor(math.log10(max(mean_flux, FAINTEST) + 1))
        return min(int(torch.bucketize(level, self.buckets.cpu())), len(self.buckets) - 1)

    def mean_flux(self, code: int) -> float:
        """The mean flux that a code stands for."""
        return float(self(torch.tensor([code], device=self.buckets.device))[0])

    def forward(self, codes: Int[Tensor, "B"]) -> Float[Tensor, "B"]:
        """The mean flux that each code stands for."""
        return (10 ** self.buckets[codes] - 1).clamp(min=FAINTEST)
