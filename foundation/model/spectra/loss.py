"""The likelihood of spectra: squared errors over variances with a floor, so that bright stars do not rule it."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from foundation.model.spectra.batch import SpectralBatch

FLOOR = 0.01  # of the flux


@dataclass(frozen=True, eq=False)
class Misfit:
    """Of all asked pixels, or of those of each spectrum.

    Args:
        chi2: sum of weight * ((value - measured) / sigma)^2 over the valid pixels.
        weight: sum of the weights.
    """

    chi2: Float[Tensor, "*of"]
    weight: Float[Tensor, "*of"]

    @property
    def mean(self) -> Float[Tensor, "*of"]:
        """Chi-squared per pixel: 1 for the truth and independent noise, less for what copies the noise it was shown."""
        return self.chi2 / self.weight.clamp(min=1e-12)

    @property
    def whole(self) -> "Misfit":
        """Of all together."""
        return Misfit(self.chi2.sum(), self.weight.sum())

    @property
    def alike(self) -> "Misfit":
        """The sum of ln(1 + chi-squared per pixel) over the spectra that have a weight, and their number.

        A spectrum then counts by the fraction of its misfit that is taken off, as if its errors were known up to a
        factor: neither a bright one nor a survey of bright ones rules the gradient of all.
        """
        asked = self.weight > 0
        return Misfit(torch.where(asked, self.mean, 0).log1p().sum(), asked.sum().to(self.weight.dtype))


def misfits(
    value: Float[Tensor, "T W"],
    measured: SpectralBatch,
    weight: Float[Tensor, "T"] | None = None,
    floor: float = FLOOR,
    tail: float = math.inf,
) -> Misfit:
    """Compare what was predicted with what was measured, spectrum by spectrum, in float32.

    Args:
        value: flux over scale.
        measured: the same pixels; invalid ones do not count.
        weight: of each patch; None = 1.
        floor: fraction of the measured flux added to its noise in quadrature; 0 is the published loss.
        tail: errors beyond this many sigmas count in proportion to themselves and not to their square (Huber 1964), so
            that cosmic rays and bright stars do not rule the gradient.
    """
    variance = torch.where(measured.valid, measured.sigma.square() + (floor * measured.value).square(), 1.0)
    pull = torch.where(measured.valid, (value.float() - measured.value) / variance.sqrt(), 0.0)
    within = pull.abs().clamp(max=tail)
    each = within * (2 * pull.abs() - within)  # the square where it is within
    share = measured.valid.float() * (1.0 if weight is None else weight[:, None])
    of_patches = (each * share).sum(1), share.sum(1)
    return Misfit(*(torch.segment_reduce(x, "sum", offsets=measured.offsets) for x in of_patches))
