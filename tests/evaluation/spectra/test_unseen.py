"""Unseen pixels: the truth has a chi-squared of one whatever is asked, a copy of what was read has two."""

import numpy as np
import pytest
import torch

from foundation.data.records import Spectrum
from foundation.evaluation.spectra.unseen import ASKED, unseen_chi2
from foundation.model.spectra.config import SpectraConfig
from foundation.model.spectra.pretrained import SpectralModel

PIXELS = 3200


class Answers(SpectralModel):
    """Answers every question by a function of (what was read, what is asked)."""

    def __init__(self, function):
        super().__init__(SpectraConfig(width=8, depth=1, decoder_depth=1, heads=1))
        self.function = function

    def forward(self, read, asked):
        return self.function(read, asked)


@pytest.fixture
def spectra():
    wavelength = np.linspace(4000, 9000, PIXELS)
    return [
        Spectrum(5 + np.random.default_rng(seed).normal(size=PIXELS), wavelength, np.ones(PIXELS)) for seed in range(6)
    ]


@pytest.mark.parametrize("what", ASKED)
def test_the_truth_has_one_a_pixel(spectra, what):
    scale = [np.hypot(5, 1) for _ in spectra]  # of "robust": median and scatter
    model = Answers(lambda read, asked: torch.full_like(asked.value, 5 / scale[0]))
    chi2 = unseen_chi2(model, spectra, ASKED[what])
    assert chi2.shape == (6,)
    assert chi2.mean() == pytest.approx(1, abs=0.04)


def test_a_copy_of_noise_has_two_a_pixel(spectra):
    model = Answers(lambda read, asked: read.value)
    assert unseen_chi2(model, spectra, ASKED["fresh noise"]).mean() == pytest.approx(2, abs=0.08)


def test_a_spectrum_is_asked_the_same_of_every_model(spectra):
    seen = []
    for _ in range(2):
        model = Answers(lambda read, asked: seen.append(read.wavelength) or asked.value)
        unseen_chi2(model, spectra[:2], ASKED["hidden spans"])
    assert torch.equal(seen[0], seen[2]) and torch.equal(seen[1], seen[3])
    assert len(seen[0]) == round(0.6 * PIXELS / 32)
