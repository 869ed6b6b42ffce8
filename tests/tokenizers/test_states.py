"""Codes of native patches: places and scales come back, any grid is answered, and the masked transformer takes them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from foundation.config import ModelConfig
from foundation.data.records import FLUX_DENSITY, RELATIVE, Spectrum
from foundation.errors import FoundationError
from foundation.model.pretrained import FoundationModel
from foundation.model.spectra.batch import SpectralBatch
from foundation.model.spectra.config import SpectraConfig
from foundation.model.spectra.pretrained import SpectralModel
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.bundle import TokenizerBundle
from foundation.tokenizers.from_model import tokenizers
from foundation.tokenizers.native import NativeConfig, patches_of
from foundation.tokenizers.states import StatesTokenizer


@pytest.fixture
def make_smooth():
    """A spectrum that a model which answers anything can be asked about."""

    def make(pixels=320, start=4000.0, step=1e-4, **changes):
        wavelength = start * np.exp(step * np.arange(pixels))
        parts = {"flux": 5 + np.sin(wavelength / 50), "wavelength": wavelength, "ivar": np.full(pixels, 4.0)}
        return Spectrum(**{**parts, **changes})

    return make


def test_one_token_a_patch_and_one_for_the_scale_at_the_wavelengths_of_the_patches(states_tokenizer, make_smooth):
    tokenizer, spectrum = states_tokenizer(), make_smooth()
    [tokens] = tokenizer.encode([spectrum])
    assert len(tokens) == 320 / 16 + 1
    middles = np.log(spectrum.wavelength).reshape(20, 16).mean(1)
    np.testing.assert_allclose(tokens.position[1:, 0], middles, atol=0.51e-5)
    np.testing.assert_allclose(tokens.position[1:, 1].exp(), 15e-4, rtol=6e-3)
    assert (tokens.position[0, :2] < tokens.position[1:, :2].min(0).values).all()


def test_decoded_pixels_are_those_that_were_read(states_tokenizer, make_smooth):
    tokenizer, spectrum = states_tokenizer(), make_smooth(bad=np.arange(320) // 16 == 3)
    [back] = tokenizer.decode(tokenizer.encode([spectrum]))
    kept = spectrum.wavelength[np.arange(320) // 16 != 3]
    assert len(back.wavelength) == len(kept)
    assert np.abs(back.wavelength / kept - 1).max() < 0.2e-4  # a fifth of a pixel


def test_the_answer_is_the_networks_own(states_tokenizer, make_smooth):
    tokenizer, spectrum = states_tokenizer(levels=(5, 4, 4, 6, 5, 5)), make_smooth()
    grid = np.linspace(4010, 4100, 32)
    [flux] = [r.flux for r in tokenizer.decode(tokenizer.encode([spectrum]), grid)]
    model = SpectralModel(
        SpectraConfig(**{k: v for k, v in vars(tokenizer.config).items() if k in vars(SpectraConfig())})
    )
    model.load_state_dict(tokenizer.network.state_dict())
    own = model.eval().predict(spectrum, grid)
    assert np.abs(flux - own).max() < 0.02 * np.abs(own).max()  # the codes round the scale and the places


@pytest.mark.parametrize(
    ("unit", "decoded"), [(FLUX_DENSITY, FLUX_DENSITY), ("W / (m2 nm)", FLUX_DENSITY), ("ct", RELATIVE)]
)
def test_scales_come_back_in_a_physical_unit_if_there_was_one(states_tokenizer, make_smooth, unit, decoded):
    tokenizer = states_tokenizer(levels=(8, 8, 8, 5))
    spectrum = make_smooth(unit=unit)
    factor = {FLUX_DENSITY: 1.0, "W / (m2 nm)": 1e19, "ct": None}[unit]
    spectrum = replace(spectrum, flux=spectrum.flux / (factor or 1), ivar=np.full(320, 1e30)) if factor else spectrum
    [tokens] = tokenizer.encode([spectrum])
    [back] = tokenizer.decode([tokens])
    assert back.unit == decoded
    [twice] = tokenizer.decode(tokenizer.encode([replace(spectrum, flux=10 * spectrum.flux, ivar=spectrum.ivar / 100)]))
    ratio = np.median(twice.flux / back.flux)
    assert ratio == pytest.approx(1.0 if unit == "ct" else 10.0, rel=0.02)


def test_only_the_tokens_of_one_spectrum_are_decoded(states_tokenizer, make_smooth):
    tokenizer = states_tokenizer()
    [tokens] = tokenizer.encode([make_smooth()])
    with pytest.raises(TokenizerError, match="0 tokens of a scale"):
        tokenizer.decode([tokens.select(torch.arange(1, 5))])
    with pytest.raises(FoundationError, match="does not increase"):
        tokenizer.decode([tokens], np.array([5000.0, 4000.0]))


def test_a_spectrum_without_patches_counts_as_absent(states_tokenizer, make_smooth):
    assert not states_tokenizer().accepts(make_smooth(ivar=np.zeros(320)))
    assert states_tokenizer().accepts(make_smooth())


def test_a_trained_model_becomes_tokenizers_of_several_surveys(tmp_path, make_smooth):
    torch.manual_seed(0)
    sizes = {"patch": 16, "width": 16, "depth": 1, "decoder_depth": 1, "heads": 2}
    model = SpectralModel(SpectraConfig(**sizes, levels=(5, 4, 4)), NativeConfig(16, least_valid=0.3)).train()
    batch = SpectralBatch.packed([patches_of(make_smooth(start=s), model.cut) for s in (4000.0, 6000.0)])
    model(batch, batch).square().sum().backward()  # codes pass gradients
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.bottleneck.parameters())
    model.eval().save_pretrained(tmp_path / "model")
    tokenizers(tmp_path / "model", out=tmp_path / "tokenizers", modalities=("spectrum_sdss", "spectrum_galah"))
    bundle = TokenizerBundle.from_pretrained(tmp_path / "tokenizers")
    samples = [
        {"spectrum_sdss": make_smooth(), "spectrum_galah": make_smooth(160, 5700.0, 1e-5)},
        {"spectrum_sdss": make_smooth(500)},
    ]
    tokens = bundle.encode(samples)
    assert [len(t) for t in tokens] == [21 + 11, 31 + 1]
    transformer = FoundationModel(ModelConfig(width=16, depth=1, heads=2), bundle.spaces, tokenizers=bundle)
    assert transformer.encode(samples).values.isfinite().all()
    plain = SpectralModel(SpectraConfig(**sizes))
    with pytest.raises(FoundationError, match="without levels has no codes"):
        StatesTokenizer.of(plain, plain.cut, "spectrum_sdss")
