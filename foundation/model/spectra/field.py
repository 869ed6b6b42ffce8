"""LocalField: what each state says of the flux around its own patch, as a function that can be read at any wavelength.

A state has a short series of cosines over the place in its patch, and a wavelength is answered by the patches on its
two sides, each the more the nearer its middle. So a grid with other pixels is no harder than the one that was read, and
what attention learns is only what the patches nearby do not say.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from foundation.model.spectra.batch import FAR, Grid


class LocalField(nn.Module):
    """States to flux over scale, at any wavelengths.

    Args:
        width: of a state.
        terms: of the series; as many as pixels of a patch follow every pixel.
    """

    def __init__(self, width: int, terms: int) -> None:
        super().__init__()
        self.series = nn.Linear(width, terms)

    def forward(self, states: Float[Tensor, "T width"], read: Grid, asked: Grid) -> Float[Tensor, "Q W"]:
        """Flux over the scale of the spectrum that was read."""
        sides, place, share = neighbours(read, asked)
        waves = torch.arange(self.series.out_features, device=place.device) * (math.pi / 2)
        basis = ((place[..., None] + 1) * waves).cos()  # [Q, W, 2, terms]
        said = (self.series(states)[sides] * basis).sum(-1)  # [Q, W, 2]
        return (said * share).sum(-1)


def neighbours(read: Grid, asked: Grid) -> tuple[Int[Tensor, "Q W 2"], Float[Tensor, "Q W 2"], Float[Tensor, "Q W 2"]]:
    """The read patches on both sides of each asked wavelength.

    Returns:
        Rows of the patches; the place of the wavelength in each, in extents from its middle, -1 to 1; and their shares,
        which add up to 1. Beyond the first and the last patch of a spectrum that patch has all.
    """
    places = read.wavelength.log()
    middle, extent = places.mean(1), (places[:, -1] - places[:, 0]).clamp(min=1e-9)
    key, order = (middle + FAR * read.spectrum).sort(stable=True)  # arms may overlap
    wanted = asked.wavelength.log()
    after = torch.searchsorted(key, wanted + FAR * asked.spectrum[:, None])
    first, last = (read.offsets[asked.spectrum + i][:, None] - i for i in (0, 1))
    rows = order[torch.stack([(after - 1).clamp(first, last), after.clamp(first, last)], -1)]
    place = ((wanted[..., None] - middle[rows]) / extent[rows]).clamp(-1, 1)
    before, beyond = middle[rows].unbind(-1)
    right = ((wanted - before) / (beyond - before).clamp(min=1e-12)).clamp(0, 1)
    return rows, place.float(), torch.stack([1 - right, right], -1).float()
