"""Local means: what was read near each asked wavelength, averaged over several widths, for a model to choose from.

Copying a spectrum smoothed is hard to beat and slow to learn; from here a model has only to say how smooth, and what
lines there are. Nothing is resampled: each mean is of the pixels that were read inside a box around the wavelength.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from foundation.model.spectra.batch import FAR, Grid, SpectralBatch

GRAIN = 2.0**-36  # of ln(wavelength): with whole multiples of it, which pixels a box holds depends on no rounding
FLOOR = 0.01  # error of the calibration, as a fraction of the flux: no pixel outweighs all others


def local_means(read: SpectralBatch, asked: Grid, widths: tuple[float, ...]) -> Float[Tensor, "Q W widths"]:
    """Weighted means of the valid pixels read inside boxes around every asked wavelength, float64.

    A box without any has the mean of the next wider one; the widest then has that around the pixels on its two sides,
    the more of each the nearer it is.

    Args:
        read: every spectrum of which has a valid pixel.
        asked: wavelengths.
        widths: of the boxes, in ln(wavelength), ascending.
    """
    pixels = _Pixels(read)
    wanted = _place(asked)
    means = [pixels.between(wanted, asked.spectrum, widths[-1])]
    for width in reversed(widths):
        mean, is_empty = pixels.mean(wanted, width)
        means.append(torch.where(is_empty, means[-1], mean))
    return torch.stack(means[:0:-1], -1)


class _Pixels:
    """The valid pixels of a batch in order of spectrum and wavelength, and running sums over them."""

    def __init__(self, read: SpectralBatch) -> None:
        key = _place(read)[read.valid]
        value, sigma = read.value[read.valid].double(), read.sigma[read.valid].double()
        self.key, order = key.sort()
        weight = (1 / (sigma.square() + (FLOOR * value).square()).clamp(min=1e-30))[order]
        zero = weight.new_zeros(1)
        self.weight = torch.cat([zero, weight.cumsum(0)])
        self.total = torch.cat([zero, (weight * value[order]).cumsum(0)])
        counts = torch.zeros_like(read.offsets[1:]).index_add(0, read.spectrum, read.valid.sum(1))
        self.ends = counts.cumsum(0)
        self.starts = self.ends - counts

    def mean(self, place: Float[Tensor, "Q W"], width: float) -> tuple[Tensor, Tensor]:
        """In boxes around places, and whether there was nothing in them."""
        half = round(width / 2 / GRAIN) * GRAIN
        below = torch.searchsorted(self.key, place - half)
        above = torch.searchsorted(self.key, place + half, right=True)
        weight = self.weight[above] - self.weight[below]
        return (self.total[above] - self.total[below]) / weight.clamp(min=1e-30), above == below

    def between(self, place: Float[Tensor, "Q W"], spectrum: Int[Tensor, "Q"], width: float) -> Float[Tensor, "Q W"]:
        """Between the means around the nearest pixels on both sides."""
        first, last = self.starts[spectrum][:, None], self.ends[spectrum][:, None] - 1
        after = torch.searchsorted(self.key, place)
        left, right = (self.key[i.clamp(first, last)] for i in (after - 1, after))
        part = ((place - left) / (right - left).clamp(min=1e-12)).clamp(0, 1)
        return (1 - part) * self.mean(left, width)[0] + part * self.mean(right, width)[0]


def _place(grid: Grid) -> Float[Tensor, "T W"]:
    """ln(wavelength) in whole grains, and spectra far from each other."""
    return (grid.wavelength.log() / GRAIN).round() * GRAIN + FAR * grid.spectrum[:, None]
