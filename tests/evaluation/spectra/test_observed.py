"""Spectra of one survey in memory: which are kept, what is known of them, and the pixels as a baseline."""

import numpy as np
import pytest

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


def test_pooled_features_begin_with_the_models_embeddings_and_tell_how_states_spread(shards, spectral_model):
    [observed] = read_observed(shards / "tested", "tested", ("spectrum_gaia",), spectral_model.cut).values()
    features = SpectralFeatures(spectral_model)
    both = dict(features.both(observed, observed))
    assert set(both) == {"encoder", "random encoder", "raw input"}
    encoded = both["encoder"][0]
    own = spectral_model.embed(list(observed.spectra))
    width = own.shape[1]
    np.testing.assert_allclose(encoded.pooled[:, :width], own.numpy(), rtol=1e-4, atol=1e-5)
    begin, count = int(encoded.begin[2]), int(encoded.count[2])
    states = encoded.tokens[begin : begin + count].numpy()
    parts = states.mean(0), states.std(0), states.max(0), states.min(0)
    np.testing.assert_allclose(encoded.pooled[2], np.concatenate(parts), rtol=1e-3, atol=1e-4)
    assert np.abs(encoded.pooled - both["random encoder"][0].pooled).max() > 0.01
