"""Small records and small tokenizers."""

import numpy as np
import pytest
import torch

from foundation.data.records import Image, Scalar, Spectrum
from foundation.tokenizers.image import ImageConfig, ImageTokenizer
from foundation.tokenizers.scalar import ScalarConfig, ScalarTokenizer
from foundation.tokenizers.spectrum import SpectrumConfig, SpectrumTokenizer

BANDS = ("DES-G", "DES-R", "DES-I", "DES-Z")


def an_image(seed=0, bands=BANDS, size=32, scale=0.262):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    profile = np.exp(-np.hypot(x, y) / rng.uniform(1, 4))
    flux = rng.uniform(0.2, 2, len(bands))[:, None, None] * profile + rng.normal(0, 0.01, (len(bands), size, size))
    bad = rng.random(flux.shape) < 0.02
    return Image(flux, bands, scale, np.full(flux.shape, 1e4), bad=bad)


def a_spectrum(seed=0, pixels=900, low=3600.0, step=4.0, **parts):
    rng = np.random.default_rng(seed)
    wavelength = low + step * np.arange(pixels)
    flux = rng.uniform(1, 5) * (1 + 0.3 * np.sin(wavelength / 300 + rng.uniform(0, 6)))
    flux += 8 * np.exp(-0.5 * ((wavelength - rng.uniform(4000, 6500)) / 10) ** 2)
    sigma = 0.2
    bad = rng.random(pixels) < 0.05
    return Spectrum(
        flux + rng.normal(0, sigma, pixels), wavelength, np.full(pixels, sigma**-2), **({"bad": bad} | parts)
    )


SMALL_IMAGE = {
    "bands": BANDS, "pixels": 32, "hidden": 16, "projection": 4, "compressions": 1, "units": 1, "kernel": 3, "fold": 4,
    "levels": (5, 5, 4), "gate": -2.0,
}  # fmt: skip
SMALL_SPECTRUM = {
    "step": 8.0, "pixels": 512, "resampling": "rebin", "encoder_depths": (1, 1), "encoder_widths": (16, 24),
    "decoder_depths": (1, 0), "decoder_widths": (16, 2), "strides": (8, 2), "levels": (4, 4, 4, 4),
    "noise_input": "istd*n", "clip_ivar": 1e6,
}  # fmt: skip


def seeded(kind, config, name):
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(3)
        tokenizer = kind(config, name).eval()
        for parameter in tokenizer.parameters():  # away from zero gates and zero gains, which would hide mistakes
            parameter.data += 0.1 * torch.randn_like(parameter)
    return tokenizer


def an_image_tokenizer(**options):
    return seeded(ImageTokenizer, ImageConfig(**(SMALL_IMAGE | options)), "image")


def a_spectrum_tokenizer(**options):
    return seeded(SpectrumTokenizer, SpectrumConfig(**(SMALL_SPECTRUM | options)), "spectrum_desi")


def a_scalar_tokenizer(**options):
    values = np.random.default_rng(0).lognormal(0, 1, 2000)
    return ScalarTokenizer(ScalarConfig(codes=64, **options), "flux_g").fit([values])


def a_scalar(seed=0):
    return Scalar(np.random.default_rng(seed).lognormal(), "flux_g", "nmgy")


@pytest.fixture(scope="session")
def make_image():
    return an_image


@pytest.fixture(scope="session")
def make_spectrum():
    return a_spectrum


@pytest.fixture
def image_tokenizer():
    return an_image_tokenizer


@pytest.fixture
def spectrum_tokenizer():
    return a_spectrum_tokenizer


@pytest.fixture
def scalar_tokenizer():
    return a_scalar_tokenizer


@pytest.fixture(scope="session")
def small_image():
    return ImageConfig(**SMALL_IMAGE)


@pytest.fixture(scope="session")
def small_spectrum():
    return SpectrumConfig(**SMALL_SPECTRUM)


CASES = {  # name -> (tokenizer, record of a seed)
    "image": (an_image_tokenizer, an_image),
    "image 1 stage": (lambda: an_image_tokenizer(compressions=0, fold=8), an_image),
    "image 3 stages": (lambda: an_image_tokenizer(compressions=3, fold=1, kernel=5, units=2), an_image),
    "image normalised": (lambda: an_image_tokenizer(normalise=True), an_image),
    "spectrum FSQ": (a_spectrum_tokenizer, a_spectrum),
    "spectrum normalised": (lambda: a_spectrum_tokenizer(normalise=True), a_spectrum),
    "spectrum LFQ": (lambda: a_spectrum_tokenizer(levels=(2,) * 6, resampling="interpolate"), a_spectrum),
    "scalar quantiles": (a_scalar_tokenizer, a_scalar),
    "scalar log": (lambda: a_scalar_tokenizer(transform="log"), a_scalar),
    "scalar asinh": (lambda: a_scalar_tokenizer(transform="asinh", nearest=False), a_scalar),
    "scalar grid": (lambda: a_scalar_tokenizer(grid=(0.0, 6.0)), a_scalar),
}


@pytest.fixture(params=CASES)
def case(request):
    """(tokenizer, function from a seed to a record it takes)"""
    make_tokenizer, make_record = CASES[request.param]
    return make_tokenizer(), make_record
