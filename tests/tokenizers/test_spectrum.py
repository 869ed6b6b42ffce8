"""Spectra: the released size, and what must and must not change the tokens."""

import numpy as np
import pytest
import torch

from foundation.data.records import FLUX_DENSITY, Spectrum
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.level import LevelQuantizer
from foundation.tokenizers.spectrum import SpectrumConfig, SpectrumTokenizer
from foundation.tokenizers.spectrum_network import Block


def prepared(tokenizer, record):
    return tokenizer.prepare_one(record)


def same(tokenizer, one, two):
    """Bit for bit the same input of the network, and the same codes."""
    for name, array in tokenizer.prepare_one(one).items():
        np.testing.assert_array_equal(array, tokenizer.prepare_one(two)[name])
    first, second = tokenizer.encode([one, two])
    return torch.equal(first.ids, second.ids)


@pytest.fixture(params=["rebin", "interpolate"])
def tokenizer(request, spectrum_tokenizer):
    return spectrum_tokenizer(resampling=request.param)


def with_parts(record, **parts):
    names = ("flux", "wavelength", "ivar", "bad", "segment", "unit")
    return Spectrum(**({n: getattr(record, n) for n in names} | parts))


def test_the_default_is_the_best_candidate_for_the_released_codec():
    tokenizer = SpectrumTokenizer(SpectrumConfig())
    state = tokenizer.state_dict()
    assert sum(p.numel() for p in tokenizer.parameters()) == 24_470_902
    assert len(state) == 406
    assert tokenizer.token_count == 273
    assert tokenizer.space.size == 1024
    shapes = {
        "encoder.downsample_layers.0.0.weight": (96, 2, 4),
        "encoder.downsample_layers.3.1.weight": (512, 384, 2),
        "decoder.upsample_layers.0.0.weight": (512, 384, 2),
        "decoder.upsample_layers.3.1.weight": (96, 2, 4),
        "encoder.stages.2.8.dwconv.weight": (384, 1, 7),
        "decoder.stages.3.2.pwconv1.weight": (8, 2),
        "encoder.stages.0.0.grn.gamma": (1, 1, 384),
        "pre_quant_norm.weight": (512,),
        "quant_conv.weight": (10, 512, 1),
        "_quantizer._quantizer.mask": (10,),
        "normalization_quantizer.buckets": (1024,),
        "latent_grid._wavelength": (1, 8704),
    }
    assert {k: tuple(state[k].shape) for k in shapes} == shapes
    assert state["_quantizer._quantizer.mask"].tolist() == [2**i for i in range(9, -1, -1)]
    assert state["latent_grid._wavelength"][0, -1].item() == pytest.approx(10462.4)


def test_flux_under_bad_pixels_changes_nothing(tokenizer, make_spectrum):
    record = make_spectrum(1)
    flux, ivar = record.flux.copy(), record.ivar.copy()
    ivar[100:140] = 0
    flux[record.bad] = 1e5
    flux[100:140] = np.nan
    assert same(tokenizer, with_parts(record, ivar=ivar), with_parts(record, flux=flux, ivar=ivar))


def test_padding_without_information_changes_nothing(tokenizer, make_spectrum):
    record = make_spectrum(2)
    before = record.wavelength[0] - 4.0 * np.arange(20, 0, -1)
    after = record.wavelength[-1] + 4.0 * np.arange(1, 31)
    padded = Spectrum(
        np.concatenate([np.full(20, 7.0), record.flux, np.full(30, -7.0)]),
        np.concatenate([before, record.wavelength, after]),
        np.concatenate([np.zeros(20), record.ivar, np.ones(30)]),
        bad=np.concatenate([np.zeros(20, bool), record.bad, np.ones(30, bool)]),
    )
    assert same(tokenizer, record, padded)


def test_the_order_of_segments_changes_nothing(tokenizer, make_spectrum):
    record = make_spectrum(3)
    cut = 400
    order = np.r_[cut : len(record.flux), 0:cut]
    segment = (np.arange(len(record.flux)) >= cut).astype(np.int16)
    forward = with_parts(record, segment=segment)
    backward = Spectrum(
        record.flux[order], record.wavelength[order], record.ivar[order], bad=record.bad[order], segment=segment[order]
    )
    one, two = prepared(tokenizer, forward), prepared(tokenizer, backward)
    for name in one:
        np.testing.assert_allclose(one[name], two[name], rtol=1e-6, atol=1e-7)


def test_mean_flux_is_of_usable_pixels_and_comes_back(spectrum_tokenizer):
    """With one more pixel than there are, of flux 0, as published."""
    tokenizer = spectrum_tokenizer()
    flux = np.full(800, 3.0)
    bad = np.zeros(800, bool)
    flux[::10], bad[::10] = 1e4, True
    record = Spectrum(flux, 3600 + 5.0 * np.arange(800), np.ones(800), bad=bad)
    n = 3.0 * 720 / 721
    level = int(prepared(tokenizer, record)["level"])
    assert tokenizer.normalization_quantizer.mean_flux(level) == pytest.approx(n, rel=0.11)
    table = np.linspace(-1, 5, 256)
    assert level == np.searchsorted(table, np.log10(n + 1))
    assert tokenizer.encode([record])[0].ids[0] == level


def test_levels_end_at_the_faintest_and_the_brightest():
    levels = LevelQuantizer(-1, 5, 1024)
    assert levels.code(-5.0) == levels.code(0.0) == levels.code(0.1)
    assert levels.code(1e9) == 1023
    assert levels.mean_flux(0) == pytest.approx(0.1)
    for flux in (0.2, 1.0, 30.0, 5e4):
        assert levels.mean_flux(levels.code(flux)) == pytest.approx(flux, rel=0.1)


def test_signal_to_noise_input_does_not_change_with_the_scale(spectrum_tokenizer, make_spectrum):
    """Flux and sigma scaled together by a step of the level change the level alone."""
    tokenizer = spectrum_tokenizer()
    record = make_spectrum(4)
    code = int(prepared(tokenizer, record)["level"])
    scale = tokenizer.normalization_quantizer.mean_flux(code + 40) / tokenizer.normalization_quantizer.mean_flux(code)
    brighter = with_parts(record, flux=record.flux * scale, ivar=record.ivar / scale**2)
    one, two = prepared(tokenizer, record), prepared(tokenizer, brighter)
    assert abs(int(two["level"]) - code - 40) <= 1
    exact = (
        scale
        * tokenizer.normalization_quantizer.mean_flux(code)
        / tokenizer.normalization_quantizer.mean_flux(int(two["level"]))
    )
    np.testing.assert_allclose(
        two["value"] + 1 * (two["istd"] > 0), (one["value"] + (one["istd"] > 0)) * exact, rtol=1e-4, atol=1e-5
    )


def test_the_published_noise_input_divides_by_the_level(spectrum_tokenizer, make_spectrum):
    tokenizer = spectrum_tokenizer(noise_input="istd/n", resampling="interpolate", step=4.0, pixels=1024, clip_ivar=9.0)
    record = with_parts(make_spectrum(5, low=3600.0), bad=None)
    seen = []
    tokenizer.encoder.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    tokenizer.encode([record])
    n = tokenizer.normalization_quantizer.mean_flux(int(prepared(tokenizer, record)["level"]))
    inside = (tokenizer.config.wavelength >= 3600) & (tokenizer.config.wavelength <= record.wavelength[-1])
    np.testing.assert_allclose(seen[0][0, 0, inside], np.arcsinh(0.2 * (record.flux / n - 1)), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(seen[0][0, 1, inside], np.arcsinh(0.2 * 3.0 / n), rtol=1e-4)
    assert not seen[0][0, :, ~inside].any()


def test_units_of_flux_density_are_converted(spectrum_tokenizer, make_spectrum):
    record = make_spectrum(6)
    other = with_parts(record, flux=record.flux * 1e-17, ivar=record.ivar * 1e34, unit="erg / (s cm2 Angstrom)")
    one, two = (prepared(spectrum_tokenizer(), r) for r in (record, other))
    assert one["level"] == two["level"]
    np.testing.assert_allclose(one["value"], two["value"], rtol=1e-4, atol=1e-5)


def test_positions_are_the_middles_of_what_the_tokens_cover(spectrum_tokenizer, make_spectrum):
    tokenizer = spectrum_tokenizer()
    position = tokenizer.encode([make_spectrum()])[0].position[:, 0].numpy()
    grid = tokenizer.config.wavelength.reshape(-1, 16)
    np.testing.assert_allclose(position[1:], grid.mean(1))
    assert position[0] == pytest.approx(grid[0].mean() - 128)


def test_decoding_to_given_wavelengths(spectrum_tokenizer, make_spectrum):
    tokenizer = spectrum_tokenizer()
    tokens = tokenizer.encode([make_spectrum()])
    whole, part = tokenizer.decode(tokens)[0], tokenizer.decode(tokens, np.array([4000.0, 4003.1, 4008.0]))[0]
    np.testing.assert_allclose(part.flux, np.interp(part.wavelength, whole.wavelength, whole.flux), rtol=1e-5)
    assert whole.unit == FLUX_DENSITY
    with pytest.raises(TokenizerError, match="latent grid spans"):
        tokenizer.decode(tokens, np.array([1000.0, 2000.0]))


def test_decoded_flux_scales_with_the_level(spectrum_tokenizer, make_spectrum):
    tokenizer = spectrum_tokenizer()
    tokens = tokenizer.encode([make_spectrum()])[0]
    before = tokenizer.decode([tokens])[0].flux
    code = int(tokens.ids[0])
    tokens.ids[0] = code + 30
    ratio = tokenizer.normalization_quantizer.mean_flux(code + 30) / tokenizer.normalization_quantizer.mean_flux(code)
    np.testing.assert_allclose(tokenizer.decode([tokens])[0].flux, before * ratio, rtol=1e-4)


def test_spectra_without_information_on_the_grid_are_refused(spectrum_tokenizer, make_spectrum):
    tokenizer = spectrum_tokenizer()
    empty = with_parts(make_spectrum(), ivar=np.zeros(900))
    infrared = make_spectrum(low=15000.0)
    for record in (empty, infrared):
        assert not tokenizer.accepts(record)
        with pytest.raises(TokenizerError, match="no usable pixel"):
            tokenizer.encode([record])


@pytest.mark.parametrize(
    "options", [{"pixels": 8700}, {"encoder_depths": (3, 3)}, {"decoder_widths": (384, 192, 96, 3)}]
)
def test_sizes_that_do_not_fit_are_refused(options):
    with pytest.raises(TokenizerError):
        SpectrumConfig(**options)


def test_a_block_follows_the_published_formula(generator):
    """Depth-wise convolution, norm, two layers with GELU and global response norm over the length; residual."""
    block = Block(4).double()
    for p in block.parameters():
        p.data = torch.randn(p.shape, generator=generator, dtype=torch.float64)
    x = torch.randn(2, 4, 9, generator=generator, dtype=torch.float64)
    w, b = block.dwconv.weight, block.dwconv.bias
    out = torch.empty_like(x)
    for i in range(2):
        padded = torch.nn.functional.pad(x[i], (3, 3))
        y = torch.stack([(padded[:, k : k + 7] * w[:, 0]).sum(1) + b for k in range(9)])  # [L, C]
        y = (y - y.mean(1, keepdim=True)) / (y.var(1, keepdim=True, unbiased=False) + 1e-6).sqrt()
        y = y * block.norm.weight + block.norm.bias
        h = y @ block.pwconv1.weight.T + block.pwconv1.bias
        h = h * 0.5 * (1 + torch.erf(h / 2**0.5))
        norm = (h**2).sum(0).sqrt()
        h = block.grn.gamma[0] * h * (norm / (norm.mean() + 1e-6)) + block.grn.beta[0] + h
        out[i] = x[i] + (h @ block.pwconv2.weight.T + block.pwconv2.bias).T
    torch.testing.assert_close(block(x), out)


def test_gradients_reach_every_weight(spectrum_tokenizer, make_spectrum):
    tokenizer = spectrum_tokenizer().train()
    out = tokenizer.reconstruct(tokenizer.prepare([make_spectrum(0), make_spectrum(1)]))
    (out.chi2 + out.penalty).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in tokenizer.parameters())
