"""Codes of wavelengths: waves added to states, rotations inside attention. Phases are folded to one turn in float64.

At 17000 Å the shortest published period, 0.1 Å, makes 1.7e5 turns: float32 would lose a hundredth of a turn.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor


def waves(place: Float[Tensor, "*shape"], periods: tuple[float, float], width: int) -> Float[Tensor, "*shape width"]:
    """Sines, then cosines of `place` at width / 2 periods in geometric steps, float32; `place` must be float64."""
    angle = turns(place, periods, width // 2) * (2 * math.pi)
    return torch.cat([angle.sin(), angle.cos()], -1)


def turns(place: Float[Tensor, "*shape"], periods: tuple[float, float], count: int) -> Float[Tensor, "*shape count"]:
    """Fractions of a turn in [0, 1], float32."""
    short, long = map(math.log10, periods)
    frequency = 1 / torch.logspace(short, long, count, dtype=torch.float64, device=place.device)
    whole = place.double()[..., None] * frequency
    return (whole - whole.floor()).float()


def mean_waves(wavelength: Float[Tensor, "T W"], periods: tuple[float, float], width: int) -> Float[Tensor, "T width"]:
    """The published code of a patch: the mean over its pixels of the waves of their wavelengths."""
    return waves(wavelength, periods, width).mean(1)


def middle(wavelength: Float[Tensor, "T W"]) -> Float[Tensor, "T"]:
    """ln of the wavelength in the middle of each patch, float64: a redshift adds a constant to it."""
    return wavelength.log().mean(1)


def shape(wavelength: Float[Tensor, "T W"], lsf: Float[Tensor, "T W"]) -> Float[Tensor, "T features"]:
    """What the middle does not tell, float32 [T, W + 3]: each pixel's place in its patch, the logarithm of the patch's
    width, whether the line spread is known, and the logarithm of the resolving power if it is."""
    place = wavelength.log()
    centre = place.mean(1, keepdim=True)
    extent = (place[:, -1:] - place[:, :1]).clamp(min=1e-9)
    spread = (lsf / wavelength).double().mean(1, keepdim=True)
    known = spread > 0
    power = torch.where(known, -spread.clamp(min=1e-9).log() - 7, 0)  # e^7 is a resolving power of 470 FWHM
    return torch.cat([(place - centre) / extent, extent.log() + 5, known.double(), power], 1).float()
