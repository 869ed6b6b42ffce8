"""SmoothedCopy: what was read near each asked pixel, as evidence for the decoder and as the start of its answer.

Where a spectrum was read, its own smoothed flux is hard to beat; how much to smooth depends on the noise and on lines,
pixel by pixel, and that is what the decoder says here.
"""

from jaxtyping import Float
from torch import Tensor, nn

from foundation.model.spectra.batch import Grid, SpectralBatch
from foundation.model.spectra.config import SpectraConfig
from foundation.model.spectra.means import local_means


class SmoothedCopy(nn.Module):
    """Local means of several widths as a vector for each asked patch, and mixed for each asked pixel."""

    def __init__(self, config: SpectraConfig) -> None:
        super().__init__()
        self.widths, size = config.means, config.patch * len(config.means)
        self.evidence = nn.Linear(size, config.width)
        self.share = nn.Linear(config.width, size)

    def means(self, read: SpectralBatch, asked: Grid) -> Float[Tensor, "Q W widths"]:
        """Flux over scale around every asked pixel."""
        return local_means(read, asked, self.widths).to(self.share.weight.dtype)

    def seen(self, means: Float[Tensor, "Q W widths"]) -> Float[Tensor, "Q width"]:
        """What the decoder is told of them."""
        return self.evidence(means.asinh().flatten(1))

    def mixed(self, states: Float[Tensor, "Q width"], means: Float[Tensor, "Q W widths"]) -> Float[Tensor, "Q W"]:
        """Flux over scale, between the smallest and the largest mean of each pixel."""
        share = self.share(states).unflatten(1, means.shape[1:]).softmax(-1)
        return (means * share).sum(-1)
