"""SmoothedCopy: what was read near each asked pixel, as evidence for the decoder and as the start of its answer.

Where a spectrum was read, its own smoothed flux is hard to beat; how much to smooth depends on the noise and on lines,
pixel by pixel. What noise and scatter say of each width is known before anything is learned, for any survey alike: an
untrained model removes the noise of SDSS, DESI, GALAH and APOGEE to a chi-squared of 1.0, where one that learned to
choose widths from nothing had 1.04 to 5 after two passes. The decoder says what differs from that, in units of how far
the copy may be off, so that it cannot spoil a bright spectrum that was read while it learns of spans that were not.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foundation.model.spectra.batch import Grid, SpectralBatch
from foundation.model.spectra.config import SpectraConfig
from foundation.model.spectra.means import LocalMeans, local_means

TRUST = 2.0  # power of 1 / risk by which a width counts at first; 1 would be for means that err independently


class SmoothedCopy(nn.Module):
    """Local means of several widths as a vector for each asked patch, and mixed for each asked pixel."""

    def __init__(self, config: SpectraConfig) -> None:
        super().__init__()
        self.widths, size = config.means, config.patch * len(config.means)
        self.evidence = nn.Linear(size, config.width)
        self.share = nn.Linear(config.width, size)
        self.trust = nn.Parameter(torch.full((len(self.widths),), TRUST))

    def means(self, read: SpectralBatch, asked: Grid) -> LocalMeans:
        """Flux over scale around every asked pixel."""
        return local_means(read, asked, self.widths)

    def seen(self, means: LocalMeans) -> Float[Tensor, "Q width"]:
        """What the decoder is told of them."""
        return self.evidence(means.value.asinh().flatten(1).to(self.evidence.weight.dtype))

    def mixed(
        self, states: Float[Tensor, "Q width"], means: LocalMeans
    ) -> tuple[Float[Tensor, "Q W"], Float[Tensor, "Q W"]]:
        """Flux over scale, between the smallest and the largest mean of each pixel; and how far it may be off."""
        learned = self.share(states).unflatten(1, means.value.shape[1:])
        share = (learned - self.trust * means.risk.log().to(learned.dtype)).softmax(-1)
        flux, risk = ((part.to(share.dtype) * share).sum(-1) for part in (means.value, means.risk))
        return flux, risk.sqrt()
