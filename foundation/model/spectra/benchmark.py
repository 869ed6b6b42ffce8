"""Benchmark of the encoder of spectra: a mix of surveys without padding, against a padded encoder of PyTorch."""

import numpy as np
import torch
from torch import Tensor, nn

from foundation.bench import Row, side_by_side
from foundation.data.records import Spectrum
from foundation.model.spectra.batch import SpectralBatch
from foundation.model.spectra.config import SpectraConfig
from foundation.model.spectra.transformer import SpectralTransformer
from foundation.tokenizers.native import NativeConfig, Patches, patches_of

PATCHES = (120, 145, 145, 244, 244, 235, 512)  # of SDSS, BOSS, DESI, APOGEE and GALAH
CONFIG = SpectraConfig(width=256, depth=3, heads=4)


def packed_vs_padded() -> list[Row]:
    """Spectra a second through the encoder, forward alone and with the backward pass."""
    torch.manual_seed(0)
    batch = SpectralBatch.packed([_patches(count, seed) for seed, count in enumerate(PATCHES)])
    ours = SpectralTransformer(CONFIG)
    layer = nn.TransformerEncoderLayer(
        CONFIG.width, CONFIG.heads, 4 * CONFIG.width, 0.0, "gelu", batch_first=True, norm_first=True
    )
    usual = nn.TransformerEncoder(layer, CONFIG.depth, enable_nested_tensor=False)
    pixels = nn.Linear(2 * CONFIG.patch, CONFIG.width)
    padded, absent = _padded(batch)

    def plain() -> Tensor:
        return usual(pixels(padded), src_key_padding_mask=absent)[~absent]

    def backward(states: Tensor) -> None:
        states.square().mean().backward()

    with torch.no_grad():
        forward = side_by_side("encoder", plain, lambda: ours.encode(batch), len(PATCHES), "spectra/s", turns=3)
    both = side_by_side(
        "encoder, forward and backward",
        lambda: backward(plain()),
        lambda: backward(ours.encode(batch)),
        len(PATCHES),
        "spectra/s",
        turns=3,
    )
    return [forward, both]


def _patches(count: int, seed: int) -> Patches:
    rng = np.random.default_rng(seed)
    pixels = count * CONFIG.patch
    wavelength = 3600 + rng.uniform(0.05, 1.0) * np.arange(pixels)
    return patches_of(Spectrum(rng.normal(5, 1, pixels), wavelength, np.ones(pixels)), NativeConfig())


def _padded(batch: SpectralBatch) -> tuple[Tensor, Tensor]:
    """Flux and noise [N, longest, 2 W], and where there is nothing [N, longest]."""
    read = torch.cat([batch.value, batch.sigma], 1).split(batch.offsets.diff().tolist())
    padded = nn.utils.rnn.pad_sequence(list(read), batch_first=True)
    return padded, torch.arange(padded.shape[1]) >= batch.offsets.diff()[:, None]
