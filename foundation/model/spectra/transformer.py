"""SpectralTransformer: spectra of any survey on their own grids, and what they are at any wavelengths asked.

With `SpectraConfig.published()` its parts are those of the universal spectral tokenizer (arXiv:2510.17959).

    batch = SpectralBatch.packed([patches_of(spectrum, NativeConfig()) for spectrum in spectra])
    states = model.encode(batch)                     # one state a patch
    value = model.decode(states, batch, batch)       # flux over scale, at the wavelengths of the second
"""

from jaxtyping import Float
from torch import Tensor, nn

from foundation.errors import FoundationError
from foundation.model.attention import make_norm
from foundation.model.block import SelfBlock
from foundation.model.initial import initialise_map
from foundation.model.spectra.batch import Grid, SpectralBatch
from foundation.model.spectra.config import SpectraConfig
from foundation.model.spectra.copy import SmoothedCopy
from foundation.model.spectra.decoder import DECODERS
from foundation.model.spectra.embed import PatchEmbedding, PlaceEmbedding
from foundation.model.spectra.field import LocalField
from foundation.model.spectra.wavelength import middle, turns
from foundation.model.whole import whole

SHORTEST_TURN = 2e-4  # of rotations, in ln(wavelength): 60 km/s, a patch of GALAH


class SpectralTransformer(nn.Module):
    """Encoder of patches and decoder of grids; sizes in `config`, the published ones with our parts if None."""

    def __init__(self, config: SpectraConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or SpectraConfig()
        self.patches, self.places, self.questions = PatchEmbedding(c), PlaceEmbedding(c), PlaceEmbedding(c)
        self.blocks = nn.ModuleList(SelfBlock(c.block) for _ in range(c.depth))
        self.norm, self.out_norm = make_norm(c.block.norm, c.width), make_norm(c.block.norm, c.width)
        self.decoder = DECODERS[c.decoder](c)
        self.head = nn.Linear(c.width, c.patch)
        self.field = LocalField(c.width, c.terms) if c.terms else None
        self.bottleneck = _bottleneck(c)
        self.copy = SmoothedCopy(c) if c.means and not c.levels else None
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                with whole(module.parameters()):
                    initialise_map(name, module)
        if self.copy is not None:  # which the first answers are
            for last in (self.head, self.copy.share, *([self.field.series] if self.field else [])):
                nn.init.zeros_(last.weight)

    def encode(self, batch: SpectralBatch) -> Float[Tensor, "T width"]:
        """A state for each patch, from all patches of its spectrum.

        Raises:
            FoundationError: patches of another width than the model's.
        """
        self._check(batch)
        x, places = self.patches(batch) + self.places(batch), self._turns(batch)
        for block in self.blocks:
            x = block(x, batch.layout, places)
        return self.norm(x)

    def decode(self, states: Float[Tensor, "T width"], read: Grid, asked: Grid) -> Float[Tensor, "Q W"]:
        """Flux over the scale of the spectrum that was read, at every pixel of the grids asked, one of each spectrum.

        Raises:
            FoundationError: other numbers of grids than of spectra, or patches of another width than the model's.
        """
        self._check(asked)
        x, means = self.questions(asked), None
        if self.copy is not None and isinstance(read, SpectralBatch):
            means = self.copy.means(read, asked)
            x = x + self.copy.seen(means)
        x = self.out_norm(self.decoder(x, states, asked, read, (self._turns(asked), self._turns(read))))
        answer = self.head(x)
        if self.field is not None:
            answer = answer + self.field(states, read, asked)
        if self.copy is not None and means is not None:
            flux, error = self.copy.mixed(x, means)
            answer = flux + error * answer
        return answer

    def forward(self, read: SpectralBatch, asked: Grid) -> Float[Tensor, "Q W"]:
        """Encode, then answer."""
        return self.answer(self.encode(read), read, asked)

    def answer(self, states: Float[Tensor, "T width"], read: SpectralBatch, asked: Grid) -> Float[Tensor, "Q W"]:
        """Pass through the codes if there are any, then decode."""
        return self.decode(states if self.bottleneck is None else self.bottleneck(states), read, asked)

    def _turns(self, grid: Grid) -> Float[Tensor, "T half"] | None:
        c = self.config
        if c.code == "published":
            return None
        return turns(middle(grid.wavelength), (SHORTEST_TURN, c.periods[1]), c.width // c.heads // 2)

    def _check(self, grid: Grid) -> None:
        if grid.wavelength.shape[1] != self.config.patch:
            raise FoundationError(
                f"patches have {grid.wavelength.shape[1]} pixels, the model reads {self.config.patch}. Cut them alike."
            )


def _bottleneck(config: SpectraConfig) -> nn.Module | None:
    if not config.levels:
        return None
    from foundation.model.spectra.bottleneck import Bottleneck  # its library is slow to load

    return Bottleneck(config.width, config.levels)
