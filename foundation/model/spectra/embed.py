"""Patches as states: what was measured at each pixel, and where; or where alone, for what is asked."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foundation.model.spectra.batch import Grid, SpectralBatch
from foundation.model.spectra.config import SpectraConfig
from foundation.model.spectra.wavelength import mean_waves, middle, shape, waves

CHANNELS = {"compressed": 4, "published": 2}  # numbers a pixel
SHAPE = 3  # features of a patch beside those of its pixels


class PlaceEmbedding(nn.Module):
    """Where a patch is; the published code has no parameters and knows nothing but the wavelengths."""

    def __init__(self, config: SpectraConfig) -> None:
        super().__init__()
        self.config = config
        learned = config.code == "logarithm"
        self.code = nn.Linear(config.width, config.width, bias=False) if learned else None
        self.shape = nn.Linear(config.patch + SHAPE, config.width) if learned else None

    def forward(self, grid: Grid) -> Float[Tensor, "T width"]:
        """One vector a patch."""
        c = self.config
        if self.code is None or self.shape is None:
            return mean_waves(grid.wavelength, c.periods, c.width)
        code = waves(middle(grid.wavelength), c.periods, c.width).to(self.code.weight.dtype)
        return self.code(code) + self.shape(shape(grid.wavelength, grid.lsf).to(code.dtype))


class PatchEmbedding(nn.Module):
    """What was measured in a patch."""

    def __init__(self, config: SpectraConfig) -> None:
        super().__init__()
        self.channels = config.channels
        self.pixels = nn.Linear(CHANNELS[config.channels] * config.patch, config.width)

    def forward(self, batch: SpectralBatch) -> Float[Tensor, "T width"]:
        """One vector a patch; nothing that lies under an invalid pixel reaches it."""
        read = compressed(batch) if self.channels == "compressed" else torch.cat([batch.value, batch.sigma], 1)
        return self.pixels(read.to(self.pixels.weight.dtype))


def compressed(batch: SpectralBatch) -> Float[Tensor, "T features"]:
    """Four channels a pixel, within a few units of 0 for a benchmark star and for a faint galaxy alike."""
    sigma = torch.where(batch.valid, batch.sigma, 1.0)
    parts = batch.value.asinh(), (batch.value / sigma).asinh() / 3, sigma.clamp(1e-6, 1e6).log() / 3
    return torch.cat([torch.where(batch.valid, part, 0.0) for part in parts] + [batch.valid.float()], 1)
