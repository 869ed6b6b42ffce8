"""Chi-squared of predictions: one for the truth, by hand for copies, and in the unit of what was asked."""

from dataclasses import replace

import numpy as np
import pytest

from foundation.data.records import Spectrum
from foundation.evaluation.spectra.observed import read_observed
from foundation.evaluation.spectra.predict import answered, per_pixel, predictions


@pytest.fixture
def noisy():
    wavelength = np.linspace(4000, 6000, 4000)
    truth = 5 + np.sin(wavelength / 100)

    def make(seed):
        return Spectrum(truth + 0.5 * np.random.default_rng(seed).normal(size=4000), wavelength, np.full(4000, 4.0))

    return truth, make


def test_the_truth_has_one_a_pixel_and_a_copy_two(noisy):
    truth, make = noisy
    assert per_pixel(truth, make(1), 0.0) == pytest.approx(1, abs=0.06)
    assert per_pixel(make(2).flux, make(1), 0.0) == pytest.approx(2, abs=0.12)
    half = np.where(np.arange(4000) < 2000, truth, np.nan)
    assert per_pixel(half, make(1), 0.0) == pytest.approx(1, abs=0.1)
    dead = replace(make(1), bad=np.arange(4000) < 2000)
    assert per_pixel(np.where(np.arange(4000) < 2000, 1e9, truth), dead, 0.0) == pytest.approx(1, abs=0.1)


def test_pairs_of_surveys_are_compared_on_the_objects_that_have_both(shards, spectral_model):
    names = ("spectrum_sdss", "spectrum_desi", "spectrum_gaia")
    some = read_observed(shards / "tested", "tested", names, spectral_model.cut)
    [one] = predictions(
        spectral_model, [("spectrum_sdss", "spectrum_desi"), ("spectrum_sdss", "spectrum_galah")], some, "x"
    )
    assert len(one.snr) == 24 and {len(v) for v in one.chi2.values()} == {24}
    assert {"model", "constant", "read, as it is", "read, smoothed by 0.003"} <= set(one.chi2)
    assert one.median("read, smoothed by 0.003").value < one.median("constant").value
    place = int(np.argmax(one.snr))
    read, asked = (some[n].spectra[place] for n in ("spectrum_sdss", "spectrum_desi"))
    constant = np.median(read.flux[read.usable])
    by_hand = (constant - asked.flux) ** 2 / (1 / np.maximum(asked.ivar, 1e-30) + (0.01 * asked.flux) ** 2)
    assert one.chi2["constant"][place] == pytest.approx(by_hand[asked.usable].mean(), rel=1e-4)


def test_answers_are_in_the_unit_read_at_the_pixels_asked(spectral_model, noisy):
    _, make = noisy
    read, asked = make(1), replace(make(2), flux=100 * make(2).flux, ivar=make(2).ivar / 1e4)
    flux = answered(spectral_model, read, asked)
    brighter = answered(spectral_model, replace(read, flux=8 * read.flux, ivar=read.ivar / 64), asked)
    assert np.isfinite(flux).all()
    np.testing.assert_allclose(brighter, 8 * flux, rtol=1e-5)
    assert 2 < np.median(flux) < 8  # an untrained model answers a smoothed copy
