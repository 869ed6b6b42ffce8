"""Small codecs of AION-1 with random weights, as the release stores them: config.json and tensors for each key."""

import json

import numpy as np
import torch
from safetensors.torch import save_file

from foundation.interop.aion_codecs import CODECS
from foundation.interop.aion_keys import KEYS
from foundation.tokenizers.coefficients import CoefficientsConfig
from foundation.tokenizers.image import ImageConfig
from foundation.tokenizers.scalar import ScalarConfig
from foundation.tokenizers.segmentation import SegmentationConfig
from foundation.tokenizers.sources import SourcesConfig
from foundation.tokenizers.spectrum import SpectrumConfig

NAMES = ("tok_image", "tok_image_hsc", "tok_spectrum_desi", "tok_segmap", "tok_ebv", "tok_flux_g", "tok_z", "tok_xp_bp")
SMALL = {
    "image": ImageConfig(hidden=16, projection=12, units=1),
    "spectrum": SpectrumConfig(
        encoder_depths=(1, 1, 1, 1), encoder_widths=(8, 8, 16, 16), decoder_depths=(1, 1, 1, 1),
        decoder_widths=(16, 8, 8, 2),
    ),
    "field": SegmentationConfig(hidden=16, narrow=8, layers=2),
    "scalar": ScalarConfig(nearest=False, reservoir=2000),
    "log": ScalarConfig(transform="log", nearest=False, reservoir=2000),
    "grid": ScalarConfig(codes=1025, grid=(0.0, 6.0), nearest=False),
    "coefficients": CoefficientsConfig(reservoir=2000),
    "catalog": SourcesConfig(),
}  # fmt: skip


def write_small(directory, names=(*NAMES, "catalog")):
    """codecs/ with these keys; returns released tensors by key."""
    written = {}
    for seed, key in enumerate(KEYS[n] for n in names):
        codec, config = CODECS[key.codec], SMALL[key.codec]
        torch.manual_seed(seed)
        tokenizer = codec.kind(config, key.name)
        for name, value in tokenizer.state_dict().items():
            if name == "table":
                value.copy_(random_table(key, value.shape, seed))
            elif value.is_floating_point() and name.rsplit(".", 1)[-1] in ("weight", "bias", "gamma", "beta"):
                value.add_(0.05 * torch.randn(value.shape))
        tensors = {n: t.detach().clone() for n, t in codec.released(tokenizer.state_dict(), config).items()}
        folder = directory / "codecs" / key.folder
        if not folder.exists():
            folder.mkdir(parents=True)
            (folder / "config.json").write_text(json.dumps(codec.stored(config, key), indent=2, sort_keys=True))
            save_file(tensors, folder / "model.safetensors")
            written[key.name] = tensors
    return written


def random_table(key, shape, seed):
    if key.codec == "grid":
        grid = torch.linspace(0, 6, shape[0] - 1)
        return torch.cat([grid, grid[-1:]])
    values = np.random.default_rng(seed).normal(0, 1, shape)
    return torch.from_numpy(np.sort(values, -1).astype(np.float32))
