"""StatesTokenizer: a spectrum of any survey on its own grid <-> a token for its scale and one for each of its patches.

It is a trained model of spectra with a bottleneck (`model.levels` of `foundation spectra train`), whose codes are the
tokens; so spectra with any number of patches enter the masked transformer as a modality.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import cast

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from foundation.data.records import FLUX_DENSITY, RELATIVE, Record, Spectrum
from foundation.model.spectra.batch import Grid, SpectralBatch
from foundation.model.spectra.bottleneck import Bottleneck
from foundation.model.spectra.config import SpectraConfig
from foundation.model.spectra.transformer import SpectralTransformer
from foundation.model.spectra.wavelength import middle
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.native import NativeConfig, Patches, Scale, patches_if_any, patches_of
from foundation.tokenizers.spectrum import to_density
from foundation.tokenizers.stored import StoredTokenizer
from foundation.tokens import Axis, Space, Tokens

WAVELENGTHS = Axis("ln wavelength", "ln Angstrom", 6.9, 10.9, 1e-5)  # 992 Å to 5.4 µm, in steps of 3 km/s
EXTENTS = Axis("ln extent", "ln ln Angstrom", -12.0, 2.0, 0.01)  # of a patch, from its first to its last pixel
SCALES = (-6.0, 6.0)  # log10 of the scales that codes span, in the unit of calibrated spectra


@dataclass(frozen=True)
class StatesConfig(SpectraConfig):
    """A model of spectra with `levels`, and how spectra are cut for it.

    Args:
        least_valid: fraction of a patch that must be valid.
        scale: what flux is divided by.

    Raises:
        FoundationError: no levels, or sizes that do not fit each other.
    """

    levels: tuple[int, ...] = (8, 8, 8, 5, 5)
    least_valid: float = 0.5
    scale: Scale = "robust"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.levels:
            raise TokenizerError("a model without levels has no codes. Train one with `--model.levels '[8, 8, 8, 5]'`.")

    @property
    def cut(self) -> NativeConfig:
        """How spectra become patches."""
        return NativeConfig(self.patch, self.least_valid, self.scale)


class StatesTokenizer(StoredTokenizer):
    """The scale's token first, at the lowest position; then a code for each patch that has enough valid pixels.

    A position is ln of the wavelength in the middle of a patch, and ln of the patch's extent in ln(wavelength). Flux
    without a physical unit, such as counts, has scale code 0 and is decoded over its own scale.
    """

    kind = "states"
    config_class = StatesConfig

    def __init__(self, config: StatesConfig, name: str = "spectrum") -> None:
        super().__init__(config, name)
        self.network = SpectralTransformer(config)
        self.space = Space(name, "discrete", math.prod(config.levels), (WAVELENGTHS, EXTENTS), config.levels)

    @classmethod
    def of(cls, network: SpectralTransformer, cut: NativeConfig, name: str) -> "StatesTokenizer":
        """The tokenizer that a trained model is.

        Raises:
            TokenizerError: the model has no levels.
        """
        config = StatesConfig(**asdict(network.config), least_valid=cut.least_valid, scale=cut.scale)
        tokenizer = cls(config, name)
        tokenizer.network.load_state_dict(network.state_dict())
        return tokenizer.eval()

    def accepts(self, record: Record) -> bool:
        """Whether a patch has enough valid pixels."""
        return isinstance(record, Spectrum) and patches_if_any(record, self.config.cut) is not None

    @torch.no_grad()
    def encode(self, records: Sequence[Record]) -> list[Tokens]:
        """The tokens of each record, one record at a time, so that company changes no code."""
        return [self._encode(record) for record in records]

    def _encode(self, record: Record) -> Tokens:
        if not isinstance(record, Spectrum):
            raise TokenizerError(
                f"{self.name}: got a {type(record).__name__}, this tokenizer takes a Spectrum. "
                "Give each record under the name of its own modality."
            )
        patches = patches_of(record, self.config.cut)
        batch = SpectralBatch.packed([patches])
        codes = self._bottleneck.codes(self.network.encode(batch.to(self.device))).cpu()
        first = torch.tensor([[WAVELENGTHS.low, EXTENTS.low]], dtype=torch.float64)
        scale = torch.tensor([self._scale_code(patches.scale, record.unit)])
        return Tokens.of_space(self.space, torch.cat([scale, codes]), torch.cat([first, _positions(patches)]))

    @torch.no_grad()
    def decode(self, tokens: Sequence[Tokens], wavelength: np.ndarray | None = None) -> list[Record]:
        """Spectra at the pixels of their patches, or at increasing vacuum Å that are asked for.

        Pixels of a patch lie in equal steps of ln(wavelength); ivar is 1, for the codes do not tell the noise.

        Raises:
            TokenizerError: not the tokens of one spectrum.
            FoundationError: wavelengths that do not increase.
        """
        return [self._decode(self._check_tokens(one), wavelength) for one in tokens]

    def _decode(self, tokens: Tokens, wavelength: np.ndarray | None) -> Spectrum:
        at_scale = tokens.position[:, 0] <= WAVELENGTHS.low + WAVELENGTHS.step / 2
        if len(tokens) < 2 or at_scale.sum() != 1:
            raise TokenizerError(
                f"{self.name}: {int(at_scale.sum())} tokens of a scale among {len(tokens)}. Give those of one spectrum."
            )
        read = _grid(tokens.position[1:, :2], self.config.patch)
        asked = read if wavelength is None else Grid.of([np.asarray(wavelength, dtype=np.float64)], self.config.patch)
        states = self._bottleneck.states(tokens.ids[1:].to(self.device))
        value = self.network.decode(states, read.to(self.device), asked.to(self.device)).cpu().flatten()
        grid = asked.wavelength.flatten().numpy()[: None if wavelength is None else len(wavelength)]
        scale, unit = self._scale(int(tokens.ids[0]))
        segment = np.cumsum(np.diff(grid, prepend=0) <= 0)
        flux = value[: len(grid)].double().numpy() * scale
        return Spectrum(flux, grid, np.ones(len(grid)), segment=segment, unit=unit)

    def _scale_code(self, scale: float, unit: str) -> int:
        factor = to_density(unit)
        if factor is None:
            return 0
        place = (math.log10(scale * factor) - SCALES[0]) / (SCALES[1] - SCALES[0])
        return 1 + round(min(max(place, 0), 1) * (self.space.size - 2))

    def _scale(self, code: int) -> tuple[float, str]:
        if code == 0:
            return 1.0, RELATIVE
        return 10 ** (SCALES[0] + (SCALES[1] - SCALES[0]) * (code - 1) / (self.space.size - 2)), FLUX_DENSITY

    @property
    def _bottleneck(self) -> Bottleneck:
        return cast(Bottleneck, self.network.bottleneck)


def _positions(patches: Patches) -> Float[Tensor, "P 2"]:
    """On the grid of the axes, so that equal places are equal numbers."""
    places = patches.wavelength.log()
    extent = (places[:, -1] - places[:, 0]).clamp(min=1e-5).log()
    exact = middle(patches.wavelength), extent
    return torch.stack([_rounded(x, axis) for x, axis in zip(exact, (WAVELENGTHS, EXTENTS), strict=True)], 1)


def _rounded(place: Float[Tensor, "P"], axis: Axis) -> Float[Tensor, "P"]:
    """To a point of the axis, but its first, which is the scale's."""
    return axis.low + ((place.clamp(axis.low + axis.step, axis.high) - axis.low) / axis.step).round() * axis.step


def _grid(position: Float[Tensor, "P 2"], pixels: int) -> Grid:
    """Patches of equal steps in ln(wavelength) at positions; the line spread is not known."""
    across = torch.linspace(-0.5, 0.5, pixels, dtype=torch.float64) if pixels > 1 else torch.zeros(1).double()
    wavelength = (position[:, :1] + position[:, 1:].exp() * across).exp()
    return Grid(wavelength, torch.zeros(wavelength.shape), torch.tensor([0, len(position)]))
