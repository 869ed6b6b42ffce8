"""Small spectra on different grids, and a model far from its initial weights."""

import numpy as np
import pytest
import torch

from foundation.data.records import Spectrum
from foundation.model.spectra.config import SpectraConfig
from foundation.model.spectra.transformer import SpectralTransformer
from foundation.tokenizers.native import NativeConfig, patches_of

SMALL = {"patch": 8, "width": 32, "depth": 2, "decoder_depth": 2, "heads": 2}


@pytest.fixture
def make_spectrum():
    def make(pixels=50, start=4000.0, step=1e-3, seed=0, **changes):
        rng = np.random.default_rng(seed)
        parts = {
            "flux": rng.normal(5, 1, pixels).astype("f4"),
            "wavelength": start * np.exp(step * np.arange(pixels)),
            "ivar": rng.uniform(0.5, 2, pixels).astype("f4"),
        }
        return Spectrum(**{**parts, **changes})

    return make


@pytest.fixture
def cut():
    return lambda spectrum: patches_of(spectrum, NativeConfig(patch=SMALL["patch"]))


@pytest.fixture
def three(make_spectrum, cut):
    """Patches of three spectra of different length, sampling and range."""
    settings = ((50, 4000.0, 1e-3), (23, 7000.0, 1e-5), (88, 15000.0, 1e-4))
    return [cut(make_spectrum(*each, seed=i)) for i, each in enumerate(settings)]


@pytest.fixture
def make_model():
    def make(**parts):
        torch.manual_seed(0)
        model = SpectralTransformer(SpectraConfig(**{**SMALL, **parts})).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
        return model

    return make
