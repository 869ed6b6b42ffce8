"""A model over images of 32 pixels with an untrained tokenizer, as files; and images of one sky by two cameras."""

import numpy as np
import torch

from foundation.config import ModelConfig
from foundation.data.records import Image, Sample
from foundation.model.pretrained import FoundationModel
from foundation.tokenizers.bundle import TokenizerBundle
from foundation.tokenizers.image import ImageConfig, ImageTokenizer

BANDS = ("DES-G", "DES-R", "DES-I")
PIXELS = 32
SMALL = ImageConfig(
    bands=BANDS, pixels=PIXELS, hidden=16, projection=4, compressions=1, units=1, kernel=3, fold=4, levels=(5, 5, 4),
    gate=-2.0,
)  # fmt: skip
STEP = 1e-4  # degrees a pixel


def write_model(path):
    """An exported model."""
    torch.manual_seed(0)
    bundle = TokenizerBundle({"image": ImageTokenizer(SMALL, "image").eval()})
    config = ModelConfig(width=32, depth=2, decoder_depth=1, heads=2)
    FoundationModel(config, bundle.spaces, bundle).eval().save_pretrained(path)
    return path


def blobs(size, seed=0, count=12):
    """Flux [3, size, size] of blobs of different colours at random places."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    flux = np.zeros((3, size, size))
    for _ in range(count):
        at, width = draw.uniform(0, size, 2), draw.uniform(1, 4)
        light = np.exp(-0.5 * ((y - at[0]) ** 2 + (x - at[1]) ** 2) / width**2)
        flux += draw.uniform(0.2, 3, 3)[:, None, None] * light
    return flux


def on_the_sky(flux, camera="DES", east_is_left=True, key="field"):
    """A sample of an image about right ascension 30 and declination 0; mirrored if East is to be right."""
    size = flux.shape[-1]
    wcs = {
        "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 30.0, "CRVAL2": 0.0, "CRPIX1": (size + 1) / 2,
        "CRPIX2": (size + 1) / 2, "CDELT1": -STEP if east_is_left else STEP, "CDELT2": STEP,
    }  # fmt: skip
    values = flux if east_is_left else flux[:, :, ::-1]
    bands = tuple(f"{camera}-{band[-1]}" for band in BANDS)
    image = Image(values, bands, 0.36, np.full(flux.shape, 400.0), survey=camera.lower(), wcs=wcs)
    return Sample(key, {"image": image}, {}, {"ra": 30.0, "dec": 0.0, "survey": camera.lower()})
