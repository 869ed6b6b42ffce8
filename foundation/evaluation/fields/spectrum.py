"""spectrum: the mean square error in bands of wavenumber; the bands add to the whole.

The bands are The Well's (arXiv:2412.00568): three, with edges at equal ratios from the longest wave of the longest axis
to the corner of the Nyquist box; the first begins at 0. Wavenumbers are in radians per point. Points outside the mask
are set to 0 in both fields; walls are not windowed, so a jump across them counts as small scales.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from foundation.evaluation.fields.errors import EPSILON, Valid, Values

Bands = Float[Tensor, "batch time field band"]
BANDS = ("large scales", "middle scales", "small scales")


def spectral_mse(predicted: Values, true: Values, valid: Valid = None) -> Bands:
    """Mean square error of what remains of both fields in each band."""
    return band_power(predicted - true, valid)


def spectral_nmse(predicted: Values, true: Values, valid: Valid = None) -> Bands:
    """The same over the mean square of the true field in the band."""
    return band_power(predicted - true, valid) / (band_power(true, valid) + EPSILON)


def band_edges(space: Sequence[int], bands: int = len(BANDS)) -> Float[Tensor, "edges"]:
    """Upper edges of the bands but for the last, in radians per point."""
    low, high = math.log(2 * math.pi / max(space)), math.log(math.pi * math.sqrt(len(space)) + 1e-6)
    return torch.linspace(low, high, bands + 1, dtype=torch.float64)[1:-1].exp()


def wavenumbers(space: Sequence[int]) -> Float[Tensor, "*space"]:
    """Length of the wave vector of each Fourier coefficient."""
    axes = [2 * math.pi * torch.fft.fftfreq(n, dtype=torch.float64) for n in space]
    return torch.stack(torch.meshgrid(*axes, indexing="ij")).norm(dim=0)


def band_power(values: Values, valid: Valid = None, bands: int = len(BANDS)) -> Bands:
    """Mean square of the values in each band, by Plancherel's theorem."""
    if valid is not None:
        values = torch.where(valid[:, None, None], values, 0.0)
    space = values.shape[3:]
    power = torch.fft.fftn(values, dim=tuple(range(3, values.ndim))).abs().square().flatten(3)
    found = power.new_zeros(*power.shape[:3], bands)
    return found.index_add(3, _band(tuple(space), bands).to(power.device), power) / math.prod(space) ** 2


@lru_cache(maxsize=8)  # one frame after another has the same grid
def _band(space: tuple[int, ...], bands: int) -> Int[Tensor, "modes"]:
    return torch.bucketize(wavenumbers(space).flatten(), band_edges(space, bands), right=True)
