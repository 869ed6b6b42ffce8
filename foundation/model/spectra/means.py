"""Local means: what was read near each asked wavelength, averaged over several widths, and how far each may be off.

Copying a spectrum smoothed is hard to beat and slow to learn; from here a model has only to say what lines there are
where it sees none. Nothing is resampled: each mean is of the pixels that were read inside a box around the wavelength.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from foundation.model.spectra.batch import FAR, Grid, SpectralBatch

GRAIN = 2.0**-36  # of ln(wavelength): with whole multiples of it, which pixels a box holds depends on no rounding
FLOOR = 0.01  # error of the calibration, as a fraction of the flux: no pixel outweighs all others
SURE = 3.0  # errors of a narrow mean by which a wide one may differ


@dataclass(frozen=True, eq=False)
class LocalMeans:
    """Of boxes around every asked wavelength, float64.

    Args:
        value: weighted mean of the valid pixels inside.
        risk: what the squared error may be of taking the mean for the flux in the middle: the variance of the mean;
            that of the pixels about it which their noise does not explain; and the square of what it differs from a
            narrower one beyond `SURE` of the root of the other's risk, so that a line is not lost in a wide box (after
            Lepski 1991, Theory Probab. Appl. 35, 454).
    """

    value: Float[Tensor, "Q W widths"]
    risk: Float[Tensor, "Q W widths"]


def local_means(read: SpectralBatch, asked: Grid, widths: tuple[float, ...]) -> LocalMeans:
    """Means of what was read around every asked wavelength.

    A box without any pixel has the mean of the next wider one; the widest then has that around the pixels on its two
    sides, the more of each the nearer it is.

    Args:
        read: every spectrum of which has a valid pixel.
        asked: wavelengths.
        widths: of the boxes, in ln(wavelength), ascending.
    """
    pixels = _Pixels(read)
    wanted = _place(asked)
    found = [pixels.between(wanted, asked.spectrum, widths[-1])]
    for width in reversed(widths):
        box, is_empty = pixels.box(wanted, width)
        found.append(torch.where(is_empty, found[-1], box))
    value, risk = torch.stack(found[:0:-1], -1)
    return LocalMeans(value, risk + _disagreement(value, risk))


def _disagreement(value: Float[Tensor, "Q W widths"], risk: Float[Tensor, "Q W widths"]) -> Float[Tensor, "Q W widths"]:
    """The largest square by which the mean of each width is out of the range of any narrower one."""
    found, error = [torch.zeros_like(risk[..., 0])], SURE * risk.sqrt()
    for i in range(1, value.shape[-1]):
        apart = (value[..., i, None] - value[..., :i]).abs() - error[..., :i]
        found.append(apart.clamp(min=0).square().amax(-1))
    return torch.stack(found, -1)


class _Pixels:
    """The valid pixels of a batch in order of spectrum and wavelength, and running sums over them."""

    def __init__(self, read: SpectralBatch) -> None:
        key = _place(read)[read.valid]
        value, sigma = read.value[read.valid].double(), read.sigma[read.valid].double()
        self.key, order = key.sort()
        weight = 1 / (sigma.square() + (FLOOR * value).square()).clamp(min=1e-30)
        moments = torch.stack([weight, weight * value, weight * value.square()])[:, order]
        self.sums = torch.cat([moments.new_zeros(3, 1), moments.cumsum(1)], 1)
        counts = torch.zeros_like(read.offsets[1:]).index_add(0, read.spectrum, read.valid.sum(1))
        self.ends = counts.cumsum(0)
        self.starts = self.ends - counts

    def box(self, place: Float[Tensor, "Q W"], width: float) -> tuple[Float[Tensor, "2 Q W"], Bool[Tensor, "Q W"]]:
        """Mean and risk in boxes around places, and whether there was nothing in them."""
        half = round(width / 2 / GRAIN) * GRAIN
        below = torch.searchsorted(self.key, place - half)
        above = torch.searchsorted(self.key, place + half, right=True)
        weight, first, second = self.sums[:, above] - self.sums[:, below]
        weight = weight.clamp(min=1e-30)
        mean = first / weight
        beyond = second - first * mean - (above - below - 1)  # chi-squared about the mean, less what noise would have
        return torch.stack([mean, (1 + beyond.clamp(min=0)) / weight]), above == below

    def between(self, place: Float[Tensor, "Q W"], spectrum: Int[Tensor, "Q"], width: float) -> Float[Tensor, "2 Q W"]:
        """Between the boxes around the nearest pixels on both sides."""
        first, last = self.starts[spectrum][:, None], self.ends[spectrum][:, None] - 1
        after = torch.searchsorted(self.key, place)
        left, right = (self.key[i.clamp(first, last)] for i in (after - 1, after))
        part = ((place - left) / (right - left).clamp(min=1e-12)).clamp(0, 1)
        return (1 - part) * self.box(left, width)[0] + part * self.box(right, width)[0]


def _place(grid: Grid) -> Float[Tensor, "T W"]:
    """ln(wavelength) in whole grains, and spectra far from each other."""
    return (grid.wavelength.log() / GRAIN).round() * GRAIN + FAR * grid.spectrum[:, None]
