"""A model of spectra as users have it: stored whole, embeddings that nothing else changes, predictions on any grid."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from foundation.data.formats.catalog import read_file
from foundation.data.records import Spectrum
from foundation.errors import FoundationError
from foundation.model.spectra.config import SpectraConfig
from foundation.model.spectra.pretrained import SpectralModel
from foundation.tokenizers.native import NativeConfig

SIZES = {"patch": 8, "width": 32, "depth": 2, "decoder_depth": 1, "heads": 2}


@pytest.fixture
def model():
    torch.manual_seed(0)
    return SpectralModel(SpectraConfig(**SIZES), NativeConfig(patch=8, least_valid=0.3)).eval()


def test_a_stored_model_is_the_same(model, tmp_path):
    model.save_pretrained(tmp_path / "model")
    loaded = SpectralModel.from_pretrained(tmp_path / "model")
    assert (loaded.config, loaded.cut) == (model.config, model.cut)
    assert all(torch.equal(t, loaded.state_dict()[n]) for n, t in model.state_dict().items())
    model.save_pretrained(tmp_path / "model")  # over its own kind


def test_embeddings_depend_on_nothing_else_bit_for_bit(model, make_spectrum):
    spectra = [make_spectrum(n, start, seed=n) for n, start in ((50, 4000.0), (301, 7000.0), (88, 15000.0))]
    whole = model.embed(spectra)
    assert torch.equal(whole, torch.cat([model.embed([s]) for s in spectra]))
    assert torch.equal(whole.flip(0), model.embed(spectra[::-1]))
    torch.testing.assert_close(model.embed(spectra, together=3), whole, rtol=1e-4, atol=1e-5)


def test_units_and_values_under_masked_pixels_do_not_matter(model, make_spectrum):
    bad = np.zeros(50, bool)
    bad[[1, 7, 8, 30]] = True
    one = make_spectrum(bad=bad)
    flux = one.flux.copy()
    flux[bad] = -1e6
    assert torch.equal(model.embed([one]), model.embed([replace(one, flux=flux)]))
    assert torch.equal(model.embed([one]), model.embed([replace(one, flux=8 * one.flux, ivar=one.ivar / 64)]))
    third = replace(one, flux=one.flux / np.float32(3), ivar=one.ivar * np.float32(9))
    torch.testing.assert_close(model.embed([one]), model.embed([third]), rtol=1e-4, atol=1e-5)


def test_a_fully_masked_spectrum_is_told(model, make_spectrum):
    nothing = make_spectrum(ivar=np.zeros(50, "f4"))
    embedded = model.embed([make_spectrum(), nothing, make_spectrum(seed=1)], together=2)
    assert torch.isnan(embedded).any(1).tolist() == [False, True, False]


def test_predictions_scale_with_the_flux_and_have_the_grid_asked(model, make_spectrum):
    one, grid = make_spectrum(), np.linspace(3000, 9000, 21)
    flux = model.predict(one, grid)
    assert flux.shape == (21,) and np.isfinite(flux).all()
    brighter = model.predict(replace(one, flux=4 * one.flux, ivar=one.ivar / 16), grid)
    np.testing.assert_allclose(brighter, 4 * flux, rtol=1e-6)


def test_every_real_spectrum_is_embedded(model, astro_data):
    spectra, usable = [], []
    for path in sorted(
        p for f in ("sdss_boss", "desi", "galah", "apogee", "other_spectra") for p in (astro_data / f).iterdir()
    ):
        if path.name.startswith(("redrock", "dr6")):
            continue
        for sample in read_file(path):
            for record in sample.values():
                if isinstance(record, Spectrum):
                    spectra.append(record)
                    usable.append(sample.labels["usable"])
    # three exposures of one SDSS file; GALAH's one star once for each of its files
    assert len(spectra) == 5 + 3 + 6 + 4 + 6 + 4
    assert (~torch.isnan(model.embed(spectra)).any(1)).tolist() == usable
    assert usable.count(False) == 4  # of DESI


def test_refusals(model, tmp_path):
    with pytest.raises(FoundationError, match="Give both the same"):
        SpectralModel(SpectraConfig(**SIZES), NativeConfig(patch=16))
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FoundationError, match="holds no model of spectra"):
        model.save_pretrained(tmp_path)
    with pytest.raises(FoundationError, match="holds no model of spectra but another one"):
        SpectralModel.from_pretrained(tmp_path)
    model.save_pretrained(tmp_path / "model")
    config = tmp_path / "model" / "config.json"
    content = json.loads(config.read_text())
    config.write_text(json.dumps(content | {"format": 9}))
    with pytest.raises(FoundationError, match="has format 9"):
        SpectralModel.from_pretrained(tmp_path / "model")
    config.write_text(json.dumps(content | {"model": content["model"] | {"depth": 3}}))
    with pytest.raises(FoundationError, match=r"does not fit its config\.json"):
        SpectralModel.from_pretrained(tmp_path / "model")
