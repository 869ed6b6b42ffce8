"""What users of AION-1 get wrong: each is one clear sentence, or has a documented meaning."""

import numpy as np
import pytest
import torch

from foundation.data.coefficients import Coefficients
from foundation.data.records import Image, Sample, Scalar, Spectrum
from foundation.errors import FoundationError, RecordError
from foundation.interop.aion_codecs import read_codecs
from foundation.interop.aion_records import as_keys, naming
from foundation.interop.aion_tokens import from_arrays
from foundation.masking.budget import RandomBudget
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.scalar import ScalarConfig, ScalarTokenizer
from foundation.tokens import Space

from .small_codecs import NAMES, write_small


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory):
    directory = tmp_path_factory.mktemp("codecs")
    write_small(directory)
    return read_codecs(directory / "codecs", list(NAMES)).tokenizers


def image(bands, side=96):
    flux = np.random.default_rng(0).normal(size=(len(bands), side, side))
    return Image(flux, bands, 0.262, np.ones_like(flux))


def test_an_unknown_band_is_named_beside_the_known_ones(tokenizers):
    with pytest.raises(TokenizerError, match=r"has bands \['VIS-I'\], this tokenizer knows HSC-G, .* Select those"):
        tokenizers["tok_image"].encode([image(("DES-G", "VIS-I"))])


def test_a_unit_that_is_no_flux_density_is_refused():
    wavelength = np.linspace(4000, 5000, 10)
    with pytest.raises(RecordError, match="unit 'kg' cannot be converted"):
        Spectrum(np.ones(10), wavelength, np.ones(10), unit="kg")
    with pytest.raises(RecordError, match="not one astropy knows"):
        Spectrum(np.ones(10), wavelength, np.ones(10), unit="nanomaggots")


def test_another_unit_of_flux_density_is_converted(tokenizers):
    wavelength = 3600 + 0.8 * np.arange(7781)
    flux = 5 + np.sin(wavelength / 200)
    codec = tokenizers["tok_spectrum_desi"]
    usual = codec.encode([Spectrum(flux, wavelength, np.ones(7781))])[0]
    other = Spectrum(flux * 1e-15, wavelength, np.full(7781, 1e30), unit="erg / (s m2 Angstrom)")  # 1e-4 of per cm2
    scaled = Spectrum(flux * 1e-2, wavelength, np.full(7781, 1e4))
    assert not torch.equal(usual.ids, codec.encode([scaled])[0].ids)
    assert torch.equal(codec.encode([other])[0].ids, codec.encode([scaled])[0].ids)


def test_a_scalar_in_the_unit_of_another_survey_is_refused():
    fitted = ScalarTokenizer(ScalarConfig(codes=8, unit="nmgy"), "tok_flux_g").fit([np.arange(1.0, 9.0)])
    with pytest.raises(TokenizerError, match=r"the value is in 'Jy', the bins are in 'nmgy'. Convert it first."):
        fitted.encode([Scalar(3.0, "tok_flux_g", "Jy")])


@pytest.mark.parametrize("count", [1, 54])
def test_few_coefficients_are_refused(tokenizers, count):
    with pytest.raises(TokenizerError, match=f"got {count} coefficients .* wanted 55"):
        tokenizers["tok_xp_bp"].encode([Coefficients(np.ones(count), np.ones(count))])


def test_more_coefficients_than_the_codec_takes_are_the_first(tokenizers):
    values = np.random.default_rng(0).normal(size=60)
    long, short = (Coefficients(v, np.ones(len(v))) for v in (values, values[:55]))
    codes = [t.ids for t in tokenizers["tok_xp_bp"].encode([long, short])]
    assert torch.equal(*codes)


@pytest.mark.parametrize("flux", [-5.0, 0.0, 1e-9])
def test_a_flux_that_has_no_logarithm_is_the_faintest(tokenizers, flux):
    """As in the release: all that is not above e^-3 shares its code."""
    faintest, found, bright = (
        t.ids.item() for t in tokenizers["tok_flux_g"].encode([Scalar(v, "") for v in (np.exp(-3), flux, 1e3)])
    )
    assert found == faintest < bright


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_missing_number_is_no_record(value):
    with pytest.raises(RecordError, match="Leave a missing value out"):
        Scalar(value, "tok_flux_g")


@pytest.mark.parametrize(
    "wavelength", [np.linspace(9000, 4000, 10), np.append(np.linspace(4000, 5000, 9), 0.0), np.full(10, 4000.0)]
)
def test_wavelengths_that_do_not_ascend_are_refused(wavelength):
    with pytest.raises(RecordError, match=r"does not increase inside a segment. Sort it|must be positive"):
        Spectrum(np.ones(10), wavelength, np.ones(10))


def test_bad_pixels_and_small_images_have_a_meaning(tokenizers):
    """A broken pixel is a pixel without weight; a small image is padded, never cropped at a negative place."""
    whole = image(("DES-G", "DES-R"))
    ivar = np.ones_like(whole.flux)
    flux = whole.flux.copy()
    flux[0, 50, 50], ivar[0, 50, 50] = np.nan, 0
    codes = tokenizers["tok_image"].encode([Image(flux, whole.bands, 0.262, ivar)])[0].ids
    assert ((codes >= 0) & (codes < 4375)).all()
    with pytest.raises(RecordError, match="Set ivar = 0 there"):
        Image(flux, whole.bands, 0.262, np.ones_like(flux))
    assert len(tokenizers["tok_image"].encode([image(("DES-G",), 64)])[0]) == 576


def test_no_budget_drops_what_is_given(aion, draw_arrays):
    """All tokens of an object are encoded, however few a batch is meant to hold; budgets of training draw theirs."""
    model = aion()
    arrays = draw_arrays(("tok_segmap", "tok_spectrum_desi", "tok_ebv"))
    tokens = from_arrays(arrays)
    whole = model.encode(tokens, pool="none")
    assert whole.offsets.diff().tolist() == [144 + 273 + 1] * 2
    small = model.encode(tokens, pool="none", tokens_per_batch=8)
    torch.testing.assert_close(small.values, whole.values, rtol=1e-5, atol=1e-5)
    reveal = RandomBudget(16, 8)(tokens[0], torch.Generator().manual_seed(0))
    assert [(reveal == step).sum().item() for step in (0, 1, -1)] == [16, 8, 418 - 24]
    spread = reveal[tokens[0].of("tok_spectrum_desi")]
    assert (spread[200:] >= 0).any() or (spread[:200] >= 0).any(), "what is left out is drawn, not the tail"
    with pytest.raises(FoundationError, match="Use 1 or more of each"):
        RandomBudget(0, 8)


def test_readers_names_become_keys():
    scalar = Scalar(1.0, "flux_g", "nmgy")
    records = {
        "image": image(("HSC-G",), 8), "flux_g": scalar, "redshift": Scalar(0.1, "redshift"), "snr": Scalar(3.0, "snr"),
        "coefficients_gaia_bp": Coefficients(np.ones(55), np.ones(55)),
    }  # fmt: skip
    renamed = as_keys(Sample("x", records))
    assert set(renamed) == {"tok_image_hsc", "tok_flux_g", "tok_z", "snr", "tok_xp_bp"}
    assert renamed["tok_z"].name == "tok_z" and renamed["snr"].name == "snr"
    assert set(as_keys(Sample("y", {"image": image(("DES-G",), 8)}))) == {"tok_image"}
    assert set(as_keys(Sample("y", {"image": image(("PS1-G",), 8)}))) == {"image"}


def test_models_of_other_spaces_keep_the_readers_names(aion):
    sample = Sample("x", {"redshift": Scalar(0.1, "redshift")})
    assert set(naming(aion(("tok_z",)).spaces)(sample)) == {"tok_z"}
    assert naming((Space("redshift", "discrete", 4),))(sample) is sample
