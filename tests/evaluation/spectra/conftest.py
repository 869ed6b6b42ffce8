"""A few simulated objects of three surveys, and a small model of spectra with random weights."""

import pytest
import torch

from foundation.data.shards import write_records
from foundation.data.simulate.sky import SkySurvey
from foundation.model.spectra.config import SpectraConfig
from foundation.model.spectra.pretrained import SpectralModel

MODALITIES = ("spectrum_sdss", "spectrum_desi", "spectrum_gaia")


@pytest.fixture(scope="session")
def skies():
    """Samples to learn from and to test on."""
    survey = SkySurvey(
        seed=2,
        galaxies=1,
        quasars=1,
        stars=1,
        spectra=MODALITIES,
        image_size=0,
        missing_spectrum=0,
        outliers=0,
        snr=(3, 30),
    )
    return list(survey.samples(48)), list(survey.samples(24, start=100))


@pytest.fixture(scope="session")
def shards(skies, tmp_path_factory):
    """The same as record shards."""
    root = tmp_path_factory.mktemp("skies")
    for name, samples in zip(("learned", "tested"), skies, strict=True):
        write_records(samples, root / name)
    return root


@pytest.fixture(scope="session")
def spectral_model():
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(1)  # the random twin has 0
        return SpectralModel(SpectraConfig(width=32, depth=1, decoder_depth=1, heads=2)).eval()
