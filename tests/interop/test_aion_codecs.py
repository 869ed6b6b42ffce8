"""AION-1's codecs: released sizes and names, both ways, strictly; codes of a slow reading."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from foundation.data.coefficients import Coefficients
from foundation.data.records import Image, Scalar, Spectrum
from foundation.data.sources import Sources
from foundation.errors import FoundationError
from foundation.interop.aion_codecs import read_codecs, write_codecs
from foundation.interop.aion_files import write_aion
from foundation.interop.aion_keys import KEYS
from foundation.model.pretrained import FoundationModel
from foundation.tokenizers.bands import RELEASED
from foundation.tokenizers.bundle import TokenizerBundle
from foundation.tokenizers.image import ImageConfig, ImageTokenizer
from foundation.tokenizers.scalar import ScalarConfig, ScalarTokenizer

from . import slow_codecs as slow
from .small_codecs import NAMES, SMALL, write_small

ALL = (*NAMES, "catalog")


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """A directory with codecs/, its tensors by key, and the tokenizers read from it."""
    directory = tmp_path_factory.mktemp("aion")
    tensors = write_small(directory)
    return directory, tensors, read_codecs(directory / "codecs", ALL)


def check(tokenizer, record, codes):
    found = tokenizer.encode([record])[0]
    assert (found.ids == codes).float().mean() > 0.995, "all but what lies on an edge in float32"
    return found


@pytest.mark.parametrize("name", ["tok_image", "tok_image_hsc"])
def test_images(released, name):
    bands = ("DES-Z", "DES-G") if name == "tok_image" else ("HSC-G", "HSC-Y", "HSC-I")
    flux = torch.randn(len(bands), 96, 96, generator=torch.Generator().manual_seed(0)) * 3
    w, levels = released[1]["tok_image"], SMALL["image"].levels
    tokenizer = released[2].tokenizers[name]
    scale = tokenizer.config.pixel_scale
    assert scale == pytest.approx(0.168 if "hsc" in name else 0.262)
    codes = slow.image_codes(w, levels, flux, [list(RELEASED).index(b) for b in bands])
    tokens = check(tokenizer, Image(flux.numpy(), bands, scale, np.ones_like(flux)), codes)
    expected = slow.image_of(w, levels, tokens.ids)
    limit = torch.tensor([b.limit for b in RELEASED.values()], dtype=torch.float32)[:, None, None]
    np.testing.assert_allclose(tokenizer.decode([tokens])[0].flux, expected.clamp(-limit, limit), rtol=1e-4, atol=1e-5)


def test_spectra(released):
    rng = np.random.default_rng(0)
    wavelength = 3600 + 0.8 * np.arange(7781)
    flux = (12 * (1 + 0.3 * np.sin(wavelength / 300)) + rng.normal(0, 1, 7781)).astype("f4")
    ivar = rng.uniform(0.5, 200, 7781).astype("f4")
    w, tokenizer = released[1]["tok_spectrum_desi"], released[2].tokenizers["tok_spectrum_desi"]
    tokens = check(tokenizer, Spectrum(flux, wavelength, ivar), slow.spectrum_codes(w, flux, ivar, wavelength))
    expected = slow.spectrum_of(w, tokens.ids)
    close = np.isclose(tokenizer.decode([tokens])[0].flux, expected, rtol=1e-3, atol=1e-3)
    assert close.mean() > 0.999, "the last norm is over two channels, and ill-conditioned where these are alike"


def test_planes(released):
    value = torch.rand(96, 96, generator=torch.Generator().manual_seed(0))
    w, levels, tokenizer = released[1]["tok_segmap"], SMALL["field"].levels, released[2].tokenizers["tok_segmap"]
    plane = Image(value[None].numpy(), ("plane",), 0.262, np.ones((1, 96, 96)))
    tokens = check(tokenizer, plane, slow.plane_codes(w, levels, value))
    expected = slow.plane_of(w, levels, tokens.ids)
    np.testing.assert_allclose(tokenizer.decode([tokens])[0].flux[0], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["tok_ebv", "tok_flux_g", "tok_z"])
def test_scalars(released, name):
    values = np.random.default_rng(1).normal(1, 3, 300)
    w, tokenizer = released[1][name], released[2].tokenizers[name]
    table = w["_quantizer.buckets" if name == "tok_z" else "_quantizer._index_to_val"].double()
    seen = np.log(np.maximum(values, np.exp(-3))) if name == "tok_flux_g" else values
    codes = slow.bin_codes(table, torch.from_numpy(seen))
    tokens = tokenizer.encode([Scalar(float(v), name) for v in values])
    assert [int(t.ids[0]) for t in tokens] == codes.tolist()
    assert tokenizer.space.size == KEYS[name].size and codes.max() <= 1023
    decoded = table[codes].exp() if name == "tok_flux_g" else table[codes]
    np.testing.assert_allclose([r.value for r in tokenizer.decode(tokens)], decoded)


def test_coefficients_and_catalogue(released):
    rng = np.random.default_rng(2)
    values, shapes = rng.normal(0, 2, 55), rng.normal(0, 1, (3, 4)).astype("f4")
    [tokens] = released[2].tokenizers["tok_xp_bp"].encode([Coefficients(values, np.ones(55))])
    for i, value in enumerate(np.arcsinh(values)):
        table = released[1]["tok_xp_bp"][f"_quantizer.quantizers.{i}._index_to_val"].double()
        assert tokens.ids[i] == slow.bin_codes(table, torch.tensor([value]))[0]
    place = rng.integers(0, 96, (2, 4)).astype("f4")
    [tokens] = released[2].tokenizers["catalog"].encode([Sources(*place, *shapes)])
    columns = [torch.from_numpy(place).long()[i] for i in range(2)]
    for name, values in zip(("SHAPE_E1", "SHAPE_E2", "SHAPE_R"), shapes, strict=True):
        table = released[1]["catalog"][f"_quantizer.quantizers.{name}._index_to_val"]
        columns.append(slow.bin_codes(table, torch.from_numpy(values)))
    offset = torch.tensor([0, 96, 192, 1216, 2240])
    assert torch.equal(tokens.ids, (204 + offset + torch.stack(columns, 1)).flatten())


def test_both_ways(released, tmp_path):
    directory, _, bundle = released
    write_codecs(bundle, tmp_path)
    folders = sorted({KEYS[n].folder for n in ALL})
    assert sorted(p.name for p in tmp_path.iterdir()) == folders
    for folder in folders:
        config = (directory / "codecs" / folder / "config.json").read_text()
        assert (tmp_path / folder / "config.json").read_text() == config
        before = load_file(directory / "codecs" / folder / "model.safetensors")
        after = load_file(tmp_path / folder / "model.safetensors")
        assert before.keys() == after.keys()
        assert all(torch.equal(t, after[n]) and t.dtype == after[n].dtype for n, t in before.items())


def test_keys_of_one_codec_share_its_weights(released):
    one, other = (released[2].tokenizers[n].model.conv_in.conv.weight for n in ("tok_image", "tok_image_hsc"))
    assert one.data_ptr() == other.data_ptr()


def test_files_have_the_released_sizes(tmp_path):
    """Bytes of config.json and model.safetensors that were recorded of the release."""
    scalar = ScalarTokenizer(ScalarConfig(transform="log", nearest=False), "tok_flux_g")
    redshift = ScalarTokenizer(ScalarConfig(codes=1025, grid=(0.0, 6.0), nearest=False), "tok_z")
    image = ImageTokenizer(ImageConfig(), "tok_image")
    write_codecs(TokenizerBundle({t.name: t for t in (image, scalar, redshift)}), tmp_path)
    for folder, sizes in {"FLUX_G": (102, 404_280), "Z": (46, 4_184), "image": (252, 280_266_508)}.items():
        assert tuple((tmp_path / folder / f).stat().st_size for f in ("config.json", "model.safetensors")) == sizes


def test_the_written_reservoir_has_the_quantiles_of_the_table(released):
    w = released[1]["tok_ebv"]
    again = np.quantile(w["_quantizer._reservoir"], np.linspace(0, 1, 1024))
    np.testing.assert_allclose(again, w["_quantizer._index_to_val"], atol=0.02)


def test_the_older_prefix(tmp_path):
    write_small(tmp_path, ("tok_ebv",))
    file = tmp_path / "codecs" / "EBV" / "model.safetensors"
    save_file({n.removeprefix("_"): t for n, t in load_file(file).items()}, file)
    assert read_codecs(tmp_path / "codecs", ["tok_ebv", "tok_z"]).tokenizers.keys() == {"tok_ebv"}


def test_strictness(tmp_path):
    write_small(tmp_path, ("tok_ebv", "tok_spectrum_sdss"))
    ebv, spectrum = (tmp_path / "codecs" / f / "model.safetensors" for f in ("EBV", "spectrum"))
    tensors = load_file(spectrum)
    save_file(tensors | {"loss.weight": torch.zeros(1)}, spectrum)
    with pytest.warns(UserWarning, match=r"1 tensors are not used: loss.weight"):
        read_codecs(tmp_path / "codecs", ["tok_spectrum_sdss"])
    save_file({n: t for n, t in tensors.items() if n != "quant_conv.bias"}, spectrum)
    with pytest.raises(FoundationError, match=r"missing: quant_conv\.bias; left over: none"):
        read_codecs(tmp_path / "codecs", ["tok_spectrum_sdss"])
    save_file(tensors | {"normalization_quantizer.buckets": torch.linspace(0, 5, 1024)}, spectrum)
    with pytest.raises(FoundationError, match=r"normalization_quantizer\.buckets do not fit config\.json"):
        read_codecs(tmp_path / "codecs", ["tok_spectrum_sdss"])
    save_file(load_file(ebv) | {"more": torch.zeros(1)}, ebv)
    with pytest.raises(FoundationError, match="left over: more"):
        read_codecs(tmp_path / "codecs", ["tok_ebv"])
    config = ebv.with_name("config.json")
    stored = json.loads(config.read_text())
    for change, says in (
        ({"colour": 1}, "colour missing or unknown"),
        ({"modality": "EBW"}, "modality is 'EBW' instead of 'EBV'"),
        ({"codebook_size": 512}, "codebook_size is 512 instead of 1024"),
    ):
        config.write_text(json.dumps(stored | change))
        with pytest.raises(FoundationError, match=says):
            read_codecs(tmp_path / "codecs", ["tok_ebv"])


def test_functions_of_coefficients_come_from_a_list(tmp_path):
    write_small(tmp_path, ("tok_xp_bp",))
    config = tmp_path / "codecs" / "bp_coefficients" / "config.json"
    stored = json.loads(config.read_text())
    for forward, back, says in (
        (["load"], ["save"], "instead of .'the inverse of load'"),
        (["arcsinh"], ["exp"], r"decompression_fns is \['exp'\] instead of \['sinh'\]"),
    ):
        config.write_text(json.dumps(stored | {"compression_fns": forward, "decompression_fns": back}))
        with pytest.raises(FoundationError, match=says):
            read_codecs(tmp_path / "codecs", ["tok_xp_bp"])


def test_the_model_finds_its_codecs(aion, tmp_path):
    model = aion(("tok_ebv", "tok_z"))
    write_aion(model, tmp_path / "large")
    write_small(tmp_path / "base", ("tok_ebv", "tok_z"))
    assert FoundationModel.from_pretrained(tmp_path / "large").tokenizers is None
    read = FoundationModel.from_pretrained(tmp_path / "large", codecs=tmp_path / "base")
    sample = {"tok_ebv": Scalar(0.1, "tok_ebv"), "tok_z": Scalar(0.5, "tok_z")}
    assert read.encode([sample]).values.shape == (1, model.config.width)
    write_aion(read, tmp_path / "whole")
    again = FoundationModel.from_pretrained(tmp_path / "whole")
    assert again.tokenizers.fingerprint() == read.tokenizers.fingerprint()
    assert torch.equal(again.encode([sample]).values, read.encode([sample]).values)
    again.save_pretrained(tmp_path / "ours")
    ours = FoundationModel.from_pretrained(tmp_path / "ours")
    assert torch.equal(ours.encode([sample]).values, read.encode([sample]).values)
