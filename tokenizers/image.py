"""ImageTokenizer: a cut-out in any registered bands <-> a grid of FSQ codes (AION-1, arXiv:2510.17960)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from foundation.data.records import Image, Record
from foundation.tokenizers.bands import BANDS, RELEASED, read_as
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.cutout import TokenGrid, centred
from foundation.tokenizers.image_network import BandProjection, ImageNetwork
from foundation.tokenizers.learned import LearnedTokenizer, Prepared, Reconstruction
from foundation.tokenizers.quantizer import make_quantizer
from foundation.tokenizers.stored import StoredTokenizer
from foundation.tokens import Space, Tokens

RecordT = TypeVar("RecordT", bound=Record)


@dataclass(frozen=True)
class ImageConfig:
    """Size and parts; the defaults are the released codec of 70,058,592 parameters.

    Args:
        bands: the bands it knows, each in `foundation.tokenizers.bands.BANDS`; an image may have any of them.
        pixels: height and width; larger images are cropped about the centre, smaller ones padded.
        pixel_scale: arcsec per pixel of typical images; gives the range of the positions.
        levels: of the quantiser.
        normalise: whether what is quantised is batch-normalised; small codecs need it to use their codes.
        hidden: width at the lowest resolution.
        projection: channels into which the bands are projected.
        compressions: halvings of the resolution.
        units: residual units between convolutions.
        kernel: size of the two large convolutions.
        fold: pixels folded into channels, in each direction, before the first convolution: fast on a CPU.
        gate: bias with which the gates of the residual units start: at -10 they are the identity, and some thousand
            steps pass before they open; short trainings want about -2.
        softening: flux in nanomaggies up to which the range compression is linear.
        gain: factor of the compressed value.
        error_floor: fraction of a pixel's flux added to its noise in the loss, so that bright cores do not rule it.
    """

    bands: tuple[str, ...] = tuple(RELEASED)
    pixels: int = 96
    pixel_scale: float = 0.262
    levels: tuple[int, ...] = (7, 5, 5, 5, 5)
    normalise: bool = False
    hidden: int = 512
    projection: int = 54
    compressions: int = 2
    units: int = 4
    kernel: int = 7
    fold: int = 1
    gate: float = -10.0
    softening: float = 0.01
    gain: float = 10.0
    error_floor: float = 0.05

    def __post_init__(self) -> None:
        unknown = [b for b in self.bands if b not in BANDS]
        if unknown or not self.bands:
            raise TokenizerError(f"bands {self.bands}: {unknown} not registered. Choose from {', '.join(BANDS)}.")
        if self.pixels % self.stride or self.hidden % 2**self.compressions:
            raise TokenizerError(
                f"image of {self.pixels} px and width {self.hidden}: a token covers {self.stride} px and the "
                f"width halves {self.compressions} times. Give multiples of {self.stride} and {2**self.compressions}."
            )

    @property
    def stride(self) -> int:
        """Pixels that one token covers, in each direction."""
        return self.fold * 2**self.compressions

    @property
    def grid(self) -> int:
        """Tokens in each direction."""
        return self.pixels // self.stride


class ImageTokenizer(LearnedTokenizer):
    """Codes in row-major order, the first row first; positions are arcsec from the centre of the image."""

    kind = "image"
    config_class = ImageConfig
    record_type = Image

    def __init__(self, config: ImageConfig, name: str = "image") -> None:
        super().__init__(config, name)
        c = config
        self._quantizer = make_quantizer(c.levels, c.normalise)
        channels = c.projection * c.fold**2
        self.subsample_in = BandProjection(len(c.bands), c.projection)
        self.subsample_out = nn.Linear(c.projection, len(c.bands))
        self.pre_quant_proj = nn.Conv2d(c.hidden, len(c.levels), 1)
        self.post_quant_proj = nn.Conv2d(len(c.levels), c.hidden, 1)
        self.model = ImageNetwork(channels, c.hidden, c.compressions, c.units, c.kernel, c.gate)
        self.grid = TokenGrid(c.grid, c.stride, c.pixel_scale)
        self.space = Space(name, "discrete", self._quantizer.size, self.grid.axes, c.levels)
        self.token_count = c.grid**2
        self._limits = np.array([BANDS[b].limit for b in c.bands], dtype=np.float32)

    def accepts(self, record: Image) -> bool:
        """Whether the crop has a usable pixel."""
        source, _ = centred(record.flux.shape[1:], self.config.pixels)
        return bool(record.usable[:, *source].any())

    def prepare_one(self, record: Image) -> dict[str, np.ndarray]:
        """`value` compressed flux and `weight` 1 / its sigma, float32 [bands, y, x]; `present` float32 [bands].

        Raises:
            TokenizerError: a band that is not registered.
        """
        unknown = [b for b in record.bands if b not in self.config.bands]
        if unknown:
            raise TokenizerError(
                f"{self.name}: the image has bands {unknown}, this tokenizer knows {', '.join(self.config.bands)}. "
                "Select those with Image.select, or train a tokenizer with the others."
            )
        slots = [self.config.bands.index(b) for b in record.bands]
        source, target = centred(record.flux.shape[1:], self.config.pixels)
        shape = (len(self.config.bands), self.config.pixels, self.config.pixels)
        usable, flux, ivar = np.zeros(shape, bool), np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        usable[slots, *target] = record.usable[:, *source]
        flux[slots, *target] = record.flux[:, *source]
        ivar[slots, *target] = record.ivar[:, *source]
        value, weight = self._compress(np.where(usable, flux, 0), np.where(usable, ivar, 0))
        return {
            "value": value,
            "weight": weight,
            "present": np.any(usable, (1, 2)).astype(np.float32),
        }

    def _compress(self, flux: np.ndarray, ivar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Range-compressed flux, and 1 / sigma of it by linear propagation; 0 where `ivar` is 0."""
        c = self.config
        flux = np.clip(flux, -self._limits[:, None, None], self._limits[:, None, None])
        value = c.gain * c.softening * np.arcsinh(flux / c.softening)
        slope = c.gain / np.sqrt(1 + (flux / c.softening) ** 2)
        weight = np.sqrt(ivar / (1 + ivar * (c.error_floor * flux) ** 2)) / slope
        return value, weight

    def positions(self, record: Image) -> Float[Tensor, "L axes"]:
        """(y, x) in arcsec of the centres of the tokens, by the record's own pixel scale."""
        return self.grid.positions(record.pixel_scale)

    def codes(self, prepared: Prepared) -> Int[Tensor, "B L"]:
        """The token ids of a batch."""
        return self._quantizer(self._latent(prepared)).indices

    def measured(self, prepared: Prepared) -> tuple[Tensor, Tensor]:
        """Compressed flux and 1 / its sigma, [B, bands, y, x]."""
        return prepared["value"], prepared["weight"]

    def reconstruct(self, prepared: Prepared) -> Reconstruction:
        """Encode, quantise and decode a batch, in compressed flux."""
        quantized = self._quantizer(self._latent(prepared))
        value = self._image(quantized.codes)
        return Reconstruction(value.float(), *self.measured(prepared), quantized.indices, quantized.loss)

    def _latent(self, prepared: Prepared) -> Float[Tensor, "B n d"]:
        value, present = prepared["value"], prepared["present"]
        if self.config.fold == 1:
            x = self.subsample_in.before(cast(nn.Conv2d, self.model.conv_in[0]), value, present)
        else:
            x = self.model.conv_in(F.pixel_unshuffle(self.subsample_in(value, present), self.config.fold))
        return self.pre_quant_proj(self.model.encode(x)).flatten(2).transpose(1, 2)

    def _image(self, codes: Float[Tensor, "B n d"]) -> Float[Tensor, "B bands H W"]:
        n = self.config.grid
        x = self.post_quant_proj(codes.transpose(1, 2).unflatten(2, (n, n)))
        x = F.pixel_shuffle(self.model.decode(x), self.config.fold)
        return self.subsample_out(x.movedim(1, -1)).movedim(-1, 1)

    @torch.no_grad()
    def decode(self, tokens: Sequence[Tokens], bands: Sequence[str] | None = None) -> list[Record]:
        """Images in `bands` (all registered ones if None); ivar is 1, for the codes do not tell the noise.

        Raises:
            TokenizerError: a band that is not registered, or tokens that are not one image.
        """
        wanted = tuple(self.config.bands if bands is None else bands)
        unknown = [b for b in wanted if b not in self.config.bands]
        if unknown:
            raise TokenizerError(f"{self.name}: no bands {unknown}; choose from {', '.join(self.config.bands)}.")
        slots = [self.config.bands.index(b) for b in wanted]
        images: list[Record] = []
        for one in map(self._check_tokens, tokens):
            value = self._image(self._quantizer.codes(one.ids[None].to(self.device)))[0]
            flux = self._expand(value.cpu().numpy())[slots]
            images.append(Image(flux, wanted, self.grid.pixel_scale_of(one), np.ones_like(flux)))
        return images

    def _expand(self, value: np.ndarray) -> np.ndarray:
        c = self.config
        largest = c.gain * c.softening * np.arcsinh(self._limits / c.softening)[:, None, None]
        return c.softening * np.sinh(np.clip(value, -largest, largest) / (c.gain * c.softening))


def known_bands(record: RecordT, tokenizer: StoredTokenizer, camera: str) -> RecordT:
    """An image for a tokenizer of images, as `read_as` makes it; any other record as it is."""
    if isinstance(record, Image) and isinstance(tokenizer, ImageTokenizer):
        return cast(RecordT, read_as(record, camera, tokenizer.config.bands))
    return record
