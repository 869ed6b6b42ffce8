"""Spectra of one survey in memory: which are kept, what is known of them, and the pixels as a baseline."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from foundation.errors import FoundationError
from foundation.evaluation.spectra.features import SpectralFeatures
from foundation.evaluation.spectra.observed import edges_of, read_observed, rebinned


def test_every_modality_has_its_spectra_and_labels(shards, skies, spectral_model):
    some = read_observed(
        shards / "learned", "learned", ("spectrum_sdss", "spectrum_gaia", "spectrum_galah"), spectral_model.cut
    )
    assert set(some) == {"spectrum_sdss", "spectrum_gaia"}
    gaia = [s for s in skies[0] if "spectrum_gaia" in s]
    assert some["spectrum_gaia"].keys == tuple(s.key for s in gaia)
    assert some["spectrum_gaia"].about.labels["class"].tolist() == [s.labels["class"] for s in gaia]
    assert some["spectrum_gaia"].about.labels["snr"][0] == pytest.approx(gaia[0]["spectrum_gaia"].snr)
    with pytest.raises(FoundationError, match="Name those it has"):
        read_observed(shards / "learned", "learned", ("spectrum_muse",), spectral_model.cut)


def test_bins_hold_equally_many_pixels_of_the_survey(skies):
    spectra = [s["spectrum_desi"] for s in skies[0][:5]]
    edges = edges_of(spectra, 50)
    counts = np.histogram(np.concatenate([np.log(s.wavelength[s.usable]) for s in spectra]), edges)[0]
    assert counts.min() > 0.8 * counts.max()
    raw = rebinned(spectra, edges)
    assert raw.shape == (5, 51)
    assert np.isfinite(raw).all()


@pytest.fixture(scope="module")
def gaia(shards, spectral_model):
    [observed] = read_observed(shards / "tested", "tested", ("spectrum_gaia",), spectral_model.cut).values()
    return observed


def test_features_without_bins_begin_with_the_models_embeddings_and_tell_how_states_spread(gaia, spectral_model):
    both = dict(SpectralFeatures(spectral_model, bins=0).each(gaia, gaia))
    assert set(both) == {"encoder", "random encoder", "raw input"}
    encoded = both["encoder"][0]
    own = spectral_model.embed(list(gaia.spectra))
    width = own.shape[1]
    np.testing.assert_allclose(encoded.pooled[:, :width], own.numpy(), rtol=1e-4, atol=1e-5)
    begin, count = int(encoded.begin[2]), int(encoded.count[2])
    states = encoded.tokens[begin : begin + count].numpy()
    parts = states.mean(0), states.std(0), states.max(0), states.min(0)
    np.testing.assert_allclose(encoded.pooled[2], np.concatenate(parts), rtol=1e-3, atol=1e-4)
    assert np.abs(encoded.pooled - both["random encoder"][0].pooled).max() > 0.01


def test_features_in_bins_are_the_models_own_and_come_from_where_both_sets_were_measured(gaia, spectral_model):
    red = [replace(s, ivar=np.where(s.wavelength > 6500, s.ivar, 0)) for s in gaia.spectra]  # the blue is not known
    unlike = replace(gaia, spectra=tuple(red), about=replace(gaia.about, name="red"))
    learned, tested = dict(SpectralFeatures(spectral_model, bins=4).each(gaia, unlike))["encoder"]
    edges = torch.from_numpy(edges_of(gaia.spectra, 4))
    own = spectral_model.embed(list(gaia.spectra), edges=edges)
    np.testing.assert_allclose(learned.pooled, own.numpy(), rtol=1e-4, atol=1e-5)
    width = spectral_model.config.width
    assert learned.pooled.shape == tested.pooled.shape == (len(gaia), 4 * width)
    assert np.isfinite(learned.pooled).all()
    assert np.isnan(tested.pooled[:, :width]).all() and np.isfinite(tested.pooled[:, -width:]).all()
