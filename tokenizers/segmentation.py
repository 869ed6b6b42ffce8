"""SegmentationTokenizer: one plane of values from 0 to 1 <-> a grid of FSQ codes (AION-1, arXiv:2510.17960)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from foundation.data.records import Image, Record
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.cutout import TokenGrid, centred
from foundation.tokenizers.learned import LearnedTokenizer, Prepared, Reconstruction
from foundation.tokenizers.quantizer import make_quantizer
from foundation.tokenizers.segmentation_network import SegmentationDecoder, SegmentationEncoder
from foundation.tokens import Space, Tokens


@dataclass(frozen=True)
class SegmentationConfig:
    """Size and parts; the defaults give the 10,239,493 parameters that the released codec most likely has.

    Args:
        pixels: height and width; larger planes are cropped about the centre, smaller ones padded with 0.
        pixel_scale: arcsec per pixel of typical planes; gives the range of the positions.
        levels: of the quantiser.
        hidden: channels at the lowest resolution.
        halvings: of the resolution.
        narrow: channels inside the residual layers.
        layers: residual layers of the encoder, and of the decoder.
    """

    pixels: int = 96
    pixel_scale: float = 0.262
    levels: tuple[int, ...] = (8, 5, 5, 5)
    hidden: int = 512
    halvings: int = 3
    narrow: int = 64
    layers: int = 2

    def __post_init__(self) -> None:
        if self.pixels % self.stride or self.hidden % self.stride or self.halvings < 1:
            raise TokenizerError(
                f"a plane of {self.pixels} px, {self.hidden} channels, {self.halvings} halvings. "
                f"Give multiples of {self.stride}, and one halving at least."
            )

    @property
    def stride(self) -> int:
        """Pixels that one token covers, in each direction."""
        return 2**self.halvings

    @property
    def grid(self) -> int:
        """Tokens in each direction."""
        return self.pixels // self.stride


class SegmentationTokenizer(LearnedTokenizer):
    """Codes in row-major order, the first row first; positions are arcsec from the centre of the plane.

    The plane is an Image of one band, whatever it is called: a mask, a probability, a grey picture.
    """

    kind = "segmentation"
    config_class = SegmentationConfig
    record_type = Image

    def __init__(self, config: SegmentationConfig, name: str = "segmentation") -> None:
        super().__init__(config, name)
        c = config
        self._quantizer = make_quantizer(c.levels)
        self.encoder = SegmentationEncoder(c.hidden, c.halvings, c.narrow, c.layers)
        self.decoder = SegmentationDecoder(c.hidden, c.halvings, c.narrow, c.layers)
        self.encode_proj = nn.Conv2d(c.hidden, len(c.levels), 1)
        self.decode_proj = nn.Conv2d(len(c.levels), c.hidden, 1)
        self.grid = TokenGrid(c.grid, c.stride, c.pixel_scale)
        self.space = Space(name, "discrete", self._quantizer.size, self.grid.axes, c.levels)
        self.token_count = c.grid**2

    def accepts(self, record: Image) -> bool:
        """Whether the crop has a usable pixel."""
        source, _ = centred(record.flux.shape[1:], self.config.pixels)
        return bool(record.usable[:, *source].any())

    def prepare_one(self, record: Image) -> dict[str, np.ndarray]:
        """`value` float32 [1, y, x] and `used` float32, 1 or 0.

        Raises:
            TokenizerError: several bands, or usable values outside 0 to 1.
        """
        if len(record.bands) != 1:
            raise TokenizerError(f"{self.name}: {len(record.bands)} bands, a plane has one. Use Image.select.")
        source, target = centred(record.flux.shape[1:], self.config.pixels)
        value, used = np.zeros((2, 1, self.config.pixels, self.config.pixels), np.float32)
        used[:, *target] = record.usable[:, *source]
        value[:, *target] = np.where(record.usable, record.flux, 0)[:, *source]
        if value.min() < 0 or value.max() > 1:
            raise TokenizerError(
                f"{self.name}: values from {value.min():g} to {value.max():g}, wanted 0 to 1. Scale the plane first."
            )
        return {"value": value, "used": used}

    def positions(self, record: Image) -> Float[Tensor, "L axes"]:
        """(y, x) in arcsec of the centres of the tokens, by the record's own pixel scale."""
        return self.grid.positions(record.pixel_scale)

    def codes(self, prepared: Prepared) -> Int[Tensor, "B L"]:
        """The token ids of a batch."""
        return self._quantizer(self._latent(prepared)).indices

    def measured(self, prepared: Prepared) -> tuple[Tensor, Tensor]:
        """The plane, and 1 where it is usable."""
        return prepared["value"], prepared["used"]

    def reconstruct(self, prepared: Prepared) -> Reconstruction:
        """Encode, quantise and decode a batch; its chi-square is the mean squared error, which the paper minimises."""
        quantized = self._quantizer(self._latent(prepared))
        value = self._plane(quantized.codes)
        return Reconstruction(value.float(), *self.measured(prepared), quantized.indices, quantized.loss)

    @torch.no_grad()
    def decode(self, tokens: Sequence[Tokens]) -> list[Record]:
        """Planes of values from 0 to 1, as the band "plane"; ivar is 1, for the codes do not tell the noise."""
        planes: list[Record] = []
        for one in map(self._check_tokens, tokens):
            value = self._plane(self._quantizer.codes(one.ids[None].to(self.device)))[0].cpu().numpy()
            planes.append(Image(value, ("plane",), self.grid.pixel_scale_of(one), np.ones_like(value)))
        return planes

    def _latent(self, prepared: Prepared) -> Float[Tensor, "B n d"]:
        return self.encode_proj(self.encoder(prepared["value"])).flatten(2).transpose(1, 2)

    def _plane(self, codes: Float[Tensor, "B n d"]) -> Float[Tensor, "B 1 H W"]:
        n = self.config.grid
        return self.decoder(self.decode_proj(codes.transpose(1, 2).unflatten(2, (n, n)))).sigmoid()
