"""SpectrumTokenizer: a spectrum on any grid <-> a token for its level and a row of codes (arXiv:2510.17960)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, cast

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from foundation.data.records import FLUX_DENSITY, Record, Spectrum
from foundation.tokenizers import resample
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.learned import LearnedTokenizer, Prepared, Reconstruction
from foundation.tokenizers.level import LevelQuantizer
from foundation.tokenizers.quantizer import make_quantizer
from foundation.tokenizers.spectrum_network import SpectrumDecoder, SpectrumEncoder
from foundation.tokens import Axis, Space, Tokens


@dataclass(frozen=True)
class SpectrumConfig:
    """Size and parts; the defaults are the best guess at the released codec, of 24,470,902 parameters.

    Args:
        wavelength_min: first pixel of the latent grid, vacuum Å.
        step: of the latent grid, Å.
        pixels: of the latent grid.
        resampling: "interpolate" onto a grid about as fine as the spectra, "rebin" onto a coarser one.
        encoder_depths: blocks of each stage.
        encoder_widths: channels of each stage.
        decoder_depths: blocks of each stage.
        decoder_widths: channels of each stage; the last is 2, flux and the logit of a bad pixel.
        strides: of each stage of the encoder; the decoder reverses them.
        levels: of the quantiser; all 2 is LFQ, otherwise FSQ.
        normalise: whether what FSQ quantises is batch-normalised; small codecs need it to use their codes.
        level_range: log10(mean flux + 1) that the first token spans.
        clip_ivar: largest inverse variance that is believed.
        input_scale: factor of the network's two inputs, inside asinh.
        noise_input: second input: "istd/n" as in AION-1, or "istd*n", the signal-to-noise of the mean flux n, which
            does not change with the unit of flux.
        error_floor: fraction of the flux added to the noise in the loss, so that bright spectra do not rule it.
        mask_weight: of the cross-entropy of bad pixels in the loss.
    """

    wavelength_min: float = 3500.0
    step: float = 0.8
    pixels: int = 8704
    resampling: Literal["interpolate", "rebin"] = "interpolate"
    encoder_depths: tuple[int, ...] = (3, 3, 9, 3)
    encoder_widths: tuple[int, ...] = (96, 192, 384, 512)
    decoder_depths: tuple[int, ...] = (3, 3, 9, 3)
    decoder_widths: tuple[int, ...] = (384, 192, 96, 2)
    strides: tuple[int, ...] = (4, 2, 2, 2)
    levels: tuple[int, ...] = (2,) * 10
    normalise: bool = False
    level_range: tuple[float, float] = (-1.0, 5.0)
    clip_ivar: float = 100.0
    input_scale: float = 0.2
    noise_input: Literal["istd/n", "istd*n"] = "istd/n"
    error_floor: float = 0.03
    mask_weight: float = 1.0

    def __post_init__(self) -> None:
        per_stage = (self.encoder_depths, self.encoder_widths, self.decoder_depths, self.decoder_widths, self.strides)
        if len({len(x) for x in per_stage}) != 1:
            raise TokenizerError("spectrum: depths, widths and strides differ in length. Give one of each per stage.")
        if self.pixels % self.stride or self.decoder_widths[-1] != 2:
            raise TokenizerError(
                f"spectrum of {self.pixels} px: one token covers {self.stride} px and the last decoder width is "
                f"{self.decoder_widths[-1]}. Give a multiple of {self.stride}, and 2."
            )

    @property
    def stride(self) -> int:
        """Latent pixels that one token covers."""
        return math.prod(self.strides)

    @property
    def wavelength(self) -> np.ndarray:
        """The latent grid in vacuum Å, float64 [pixels]."""
        return self.wavelength_min + self.step * np.arange(self.pixels)


class LatentGrid(nn.Module):
    """The latent grid as the released files store it."""

    def __init__(self, config: SpectrumConfig) -> None:
        super().__init__()
        self.register_buffer("lambda_min", torch.tensor(config.wavelength_min))
        self.register_buffer("resolution", torch.tensor(config.step))
        self.register_buffer("length", torch.tensor(config.pixels))
        self.register_buffer("_wavelength", torch.from_numpy(config.wavelength).float()[None])


class SpectrumTokenizer(LearnedTokenizer):
    """The level's token first, one token's width below the grid; then codes by ascending wavelength.

    A position is the wavelength in Å of the middle of what the token covers.
    """

    kind = "spectrum"
    config_class = SpectrumConfig
    record_type = Spectrum

    def __init__(self, config: SpectrumConfig, name: str = "spectrum") -> None:
        super().__init__(config, name)
        c = config
        width = c.encoder_widths[-1]
        self._quantizer = make_quantizer(c.levels, c.normalise)
        self.encoder = SpectrumEncoder(2, c.encoder_depths, c.encoder_widths, c.strides)
        self.decoder = SpectrumDecoder(width, c.decoder_depths, c.decoder_widths, c.strides[::-1])
        self.pre_quant_norm = nn.LayerNorm(width)
        self.quant_conv = nn.Conv1d(width, len(c.levels), 1)
        self.post_quant_conv = nn.Conv1d(len(c.levels), width, 1)
        self.normalization_quantizer = LevelQuantizer(*c.level_range, self._quantizer.size)
        self.latent_grid = LatentGrid(c)
        token = c.stride * c.step
        first = c.wavelength_min + token / 2 - c.step / 2 - token
        self.token_count = c.pixels // c.stride + 1
        axis = Axis("wavelength", "Angstrom", first, first + token * (self.token_count - 1), token)
        self.space = Space(name, "discrete", self._quantizer.size, (axis,), c.levels)
        self._positions = first + token * torch.arange(self.token_count, dtype=torch.float64)[:, None]

    def accepts(self, record: Spectrum) -> bool:
        """Whether a usable pixel lies on the latent grid."""
        grid = self.config.wavelength
        return bool((record.usable & (record.wavelength >= grid[0]) & (record.wavelength <= grid[-1])).any())

    def prepare_one(self, record: Spectrum) -> dict[str, np.ndarray]:
        """`value` flux / n - 1 and `istd` n / sigma on the latent grid, float32 [2 x pixels]; `level` the code of n.

        n is the mean flux of the usable pixels, quantised. What lies under unusable pixels does not matter.
        """
        c = self.config
        used = record.usable
        unit = to_density(record.unit) or 1.0
        flux = np.where(used, record.flux, 0).astype(np.float64) * unit
        istd = np.sqrt(np.minimum(np.where(used, record.ivar, 0) / unit**2, c.clip_ivar))
        level = self.normalization_quantizer.code(float(flux.sum() / (used.sum() + 1)))
        n = self.normalization_quantizer.mean_flux(level)
        onto = getattr(resample, c.resampling)
        value, sharpness = onto(record.wavelength, flux / n - 1, istd * n, record.segment, c.wavelength)
        return {"value": value.astype("f4"), "istd": sharpness.astype("f4"), "level": np.array(level)}

    def positions(self, record: Spectrum) -> Float[Tensor, "L axes"]:
        """Wavelengths in Å; the same for all spectra."""
        return self._positions

    def codes(self, prepared: Prepared) -> Int[Tensor, "B L"]:
        """The token ids of a batch: the level's, then the codes."""
        return torch.cat([prepared["level"][:, None], self._quantizer(self._latent(prepared)).indices], 1)

    def measured(self, prepared: Prepared) -> tuple[Tensor, Tensor]:
        """Flux / n - 1 and 1 / its sigma, [B, pixels]."""
        target, istd = prepared["value"], prepared["istd"]
        return target, istd / (1 + (istd * self.config.error_floor * (target + 1)) ** 2).sqrt()

    def reconstruct(self, prepared: Prepared) -> Reconstruction:
        """Encode, quantise and decode a batch, in units of the mean flux, less 1."""
        quantized = self._quantizer(self._latent(prepared))
        value, logit = self._spectrum(quantized.codes).float().unbind(1)
        bad = F.binary_cross_entropy_with_logits(logit, (prepared["istd"] == 0).float())
        penalty = quantized.loss + self.config.mask_weight * bad
        return Reconstruction(value, *self.measured(prepared), quantized.indices, penalty)

    def _latent(self, prepared: Prepared) -> Float[Tensor, "B n d"]:
        value, istd = prepared["value"], prepared["istd"]
        if self.config.noise_input == "istd/n":
            istd = istd / self.normalization_quantizer(prepared["level"])[:, None].square()
        x = torch.asinh(self.config.input_scale * torch.stack([value, istd], 1))  # [B, 2, pixels]
        x = self.pre_quant_norm(self.encoder(x).transpose(1, 2))
        return self.quant_conv(x.transpose(1, 2)).transpose(1, 2)

    def _spectrum(self, codes: Float[Tensor, "B n d"]) -> Float[Tensor, "B 2 pixels"]:
        return self.decoder(self.post_quant_conv(codes.transpose(1, 2)))

    @torch.no_grad()
    def decode(self, tokens: Sequence[Tokens], wavelength: np.ndarray | None = None) -> list[Record]:
        """Spectra on the latent grid, or interpolated to `wavelength` (vacuum Å, inside the grid).

        `bad` is where the decoder expects no data; ivar is 1, for the codes do not tell the noise.

        Raises:
            TokenizerError: wavelengths outside the latent grid, or tokens that are not one spectrum.
        """
        grid = self.config.wavelength
        wanted = grid if wavelength is None else np.asarray(wavelength, dtype=np.float64)
        if wanted.min() < grid[0] or wanted.max() > grid[-1]:
            raise TokenizerError(
                f"{self.name}: asked for {wanted.min():.1f} to {wanted.max():.1f} Å, the latent grid spans "
                f"{grid[0]:.1f} to {grid[-1]:.1f} Å. Ask inside it."
            )
        spectra: list[Record] = []
        for one in map(self._check_tokens, tokens):
            ids = one.ids[None].to(self.device)
            value, logit = self._spectrum(self._quantizer.codes(ids[:, 1:]))[0].cpu().numpy()
            flux = (value + 1) * self.normalization_quantizer.mean_flux(int(one.ids[0]))
            flux, logit = (np.interp(wanted, grid, x) for x in (flux, logit))
            spectra.append(Spectrum(flux, wanted, np.ones(len(wanted)), bad=logit > 0))
        return spectra


@lru_cache
def to_density(unit: str) -> float | None:
    """Factor from the unit to that of calibrated spectra; None for counts and relative flux, which have no scale."""
    from astropy import units  # only where spectra are read

    one, density = units.Unit(unit), units.Unit(FLUX_DENSITY)
    return float(cast(float, one.to(density))) if one.is_equivalent(density) else None
