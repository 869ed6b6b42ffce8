"""Against `polymathic-aion` itself, where it is installed: the same random weights, the same answers."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, load_model

from foundation.batch import pack
from foundation.data.coefficients import Coefficients
from foundation.data.records import Image, Scalar, Spectrum
from foundation.interop.aion import released_config
from foundation.interop.aion_codecs import read_codecs
from foundation.interop.aion_files import write_aion
from foundation.interop.aion_keys import KEYS
from foundation.interop.aion_tokens import from_arrays
from foundation.model.pretrained import FoundationModel

from .conftest import SMALL
from .small_codecs import NAMES, write_small

pytest.importorskip("aion.fourm")
pytestmark = pytest.mark.filterwarnings("ignore:torch.searchsorted")  # of the released code
HSC = ("HSC-G", "HSC-R", "HSC-I", "HSC-Z", "HSC-Y")
GIVEN = ("tok_image_hsc", "tok_ebv", "tok_xp_bp", "tok_segmap", "catalog")


@pytest.fixture
def both(aion, tmp_path):
    """The released code's model and ours, from one directory in the released layout."""
    from aion.model import AION

    write_aion(aion(sorted((*GIVEN, "tok_spectrum_desi", "tok_z"))), tmp_path / "aion")
    theirs = AION(json.loads((tmp_path / "aion" / "config.json").read_text())).eval()
    load_model(theirs, tmp_path / "aion" / "model.safetensors", strict=True)
    return theirs, FoundationModel.from_pretrained(tmp_path / "aion", released_behaviour=True)


def test_embeddings(both, draw_arrays):
    theirs, ours = both
    arrays = draw_arrays(GIVEN[:-1])  # it takes a catalogue for a sentence and rewrites it
    count = sum(a.shape[1] for a in arrays.values())
    with torch.no_grad():
        expected = theirs.encode(arrays, num_encoder_tokens=count)
    found = ours.encode(from_arrays(arrays), pool="none")
    torch.testing.assert_close(found.values.view_as(expected), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("asked", [("tok_z",), ("tok_spectrum_desi",), ("tok_spectrum_desi", "tok_z")])
def test_logits(both, draw_arrays, asked):
    from aion import modalities

    theirs, ours = both
    kinds = {"tok_z": modalities.Z, "tok_spectrum_desi": modalities.DESISpectrum}
    arrays = draw_arrays(GIVEN[:-1])
    with torch.no_grad():
        expected = theirs(arrays, [kinds[k] for k in asked])
    asked_arrays = {k: torch.zeros(2, KEYS[k].space.axes[0].count if KEYS[k].axes else 1).long() for k in asked}
    tokens = from_arrays(arrays | asked_arrays)
    reveal = [torch.tensor([int(s.name in asked) for s in t.spaces])[t.space] for t in tokens]
    batch = pack(list(zip(tokens, reveal, strict=True)), ours.spaces)
    with torch.no_grad():
        predictions = ours.predict(ours(batch), batch)
    for key in asked:
        found = predictions[key].distribution.logits.view_as(expected[key])
        torch.testing.assert_close(found, expected[key].log_softmax(-1), rtol=1e-5, atol=1e-5)


def test_a_step_of_generation(both, draw_arrays):
    """Some codes of a spectrum are drawn already: logits of the next ones, all of a step seeing each other."""
    from aion.fourm.generate import GenerationSampler, init_empty_target_modality, init_full_input_modality
    from aion.fourm.modality_info import MODALITY_INFO

    theirs, _ = both
    ours = FoundationModel(released_config(False, **SMALL), both[1].spaces).eval()
    ours.load_state_dict(both[1].state_dict())
    key, arrays = "tok_spectrum_desi", draw_arrays((*GIVEN[:-1], "tok_spectrum_desi"))
    known = torch.rand(2, 273, generator=torch.Generator().manual_seed(1)).argsort(1) < 100
    fed = {k: {"tensor": a.clone()} for k, a in arrays.items() if k != key}
    for given in list(fed):
        fed = init_full_input_modality(fed, MODALITY_INFO, given, "cpu")
    fed = init_empty_target_modality(fed, MODALITY_INFO, key, 2, 273, "cpu")
    fed[key] |= {"tensor": arrays[key].clone(), "input_mask": ~known, "target_mask": known.clone()}
    with torch.no_grad():
        expected, place = GenerationSampler(theirs).forward_enc_dec_roar_batched(fed, key, 30, seed=0)
    tokens, reveal = from_arrays(arrays), []
    for one, was, now in zip(tokens, known, place, strict=True):
        step = torch.zeros(len(one), dtype=torch.long)
        step[one.of(key)] = torch.where(was, 0, -1).index_fill(0, now, 1)
        reveal.append(step)
    batch = pack(list(zip(tokens, reveal, strict=True)), ours.spaces)
    with torch.no_grad():
        found = ours.predict(ours(batch), batch)[key].distribution.logits.view(2, 30, -1)
    for mine, wanted, order in zip(found, expected, place, strict=True):
        torch.testing.assert_close(mine, wanted[order.argsort()].log_softmax(-1), rtol=1e-5, atol=1e-5)


def their_codec(directory, name):
    """The class of records of a key, and its codec as the released code builds and fills it."""
    from aion.codecs.config import MODALITY_CODEC_MAPPING

    [kind] = [c for c in MODALITY_CODEC_MAPPING if c.token_key == name]
    folder = directory / "codecs" / KEYS[name].folder
    codec = MODALITY_CODEC_MAPPING[kind](**json.loads((folder / "config.json").read_text()))
    codec.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    return kind, codec.eval()


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    directory = tmp_path_factory.mktemp("codecs")
    write_small(directory)
    return directory, read_codecs(directory / "codecs", list(NAMES))


def ours(released, name, records):
    return torch.stack([t.ids for t in released[1].tokenizers[name].encode(records)])


@pytest.mark.parametrize("name", ["tok_ebv", "tok_flux_g", "tok_z"])
def test_codes_of_scalars(released, name):
    kind, codec = their_codec(released[0], name)
    values = torch.from_numpy(np.random.default_rng(0).normal(0.5, 2, 400).astype("f4"))
    expected = codec.encode(kind(value=values)).flatten()
    found = ours(released, name, [Scalar(float(v), name) for v in values]).flatten()
    assert (found == expected).float().mean() > 0.99, "all but those on a bin's edge in float32"
    assert (found - expected).abs().max() <= 1
    tokens = released[1].tokenizers[name].encode([Scalar(float(v), name) for v in values])
    decoded = torch.tensor([r.value for r in released[1].tokenizers[name].decode(tokens)])
    torch.testing.assert_close(decoded, codec.decode(found[:, None]).value.flatten(), rtol=1e-5, atol=1e-5)


def test_codes_of_coefficients(released):
    kind, codec = their_codec(released[0], "tok_xp_bp")
    values = np.random.default_rng(0).normal(0, 3, (20, 55)).astype("f4")
    expected = codec.encode(kind(value=torch.from_numpy(values)))
    records = [Coefficients(v, np.ones(55)) for v in values]
    found = ours(released, "tok_xp_bp", records)
    assert (found == expected).float().mean() > 0.99 and (found - expected).abs().max() <= 1


@pytest.mark.parametrize(("name", "bands"), [("tok_image", ("DES-G", "DES-R", "DES-Z")), ("tok_image_hsc", HSC)])
def test_codes_of_images(released, name, bands):
    kind, codec = their_codec(released[0], name)
    flux = np.random.default_rng(0).normal(0, 2, (2, len(bands), 100, 100)).astype("f4")
    unit = 63.0957 if "hsc" in name else 1.0  # its images are in the survey's own unit, our records in nanomaggies
    with torch.no_grad():
        expected = codec.encode(kind(flux=torch.from_numpy(flux * np.float32(unit)), bands=list(bands)))
    scale = KEYS[name].axes[0].step / 4
    records = [Image(f, bands, scale, np.ones_like(f)) for f in flux]
    found = ours(released, name, records)
    assert (found == expected).float().mean() > 0.99
    if name == "tok_image":  # the release cannot decode HSC
        theirs = codec.decode(found, bands=list(bands)).flux.detach().numpy()
        tokens = released[1].tokenizers[name].encode(records)
        decoded = np.stack([r.flux for r in released[1].tokenizers[name].decode(tokens, bands)])
        np.testing.assert_allclose(decoded, np.clip(theirs, -25, 25), rtol=1e-4, atol=1e-4)


def test_codes_of_spectra(released):
    kind, codec = their_codec(released[0], "tok_spectrum_desi")
    rng = np.random.default_rng(0)
    wavelength = 3600 + 0.8 * np.arange(7781)
    flux = (rng.uniform(1, 30, (3, 1)) * (1 + 0.3 * np.sin(wavelength / 300)) + rng.normal(0, 1, (3, 7781))).astype(
        "f4"
    )
    ivar = rng.uniform(0.5, 2, flux.shape).astype("f4")
    theirs = kind(
        flux=torch.from_numpy(flux), ivar=torch.from_numpy(ivar), mask=torch.zeros(3, 7781, dtype=torch.bool),
        wavelength=torch.from_numpy(wavelength.astype("f4")).expand(3, -1),
    )  # fmt: skip
    with torch.no_grad():
        expected = codec.encode(theirs)
    records = [Spectrum(f, wavelength, i) for f, i in zip(flux, ivar, strict=True)]
    found = ours(released, "tok_spectrum_desi", records)
    assert (found == expected).float().mean() > 0.99
    tokens = released[1].tokenizers["tok_spectrum_desi"].encode(records)
    decoded = np.stack([r.flux for r in released[1].tokenizers["tok_spectrum_desi"].decode(tokens)])
    with torch.no_grad():
        close = np.isclose(decoded, codec.decode(found).flux.numpy(), rtol=1e-3, atol=1e-3)
    assert close.mean() > 0.999, "the last norm is over two channels, and ill-conditioned where these are alike"


def test_codes_of_planes(released):
    kind, codec = their_codec(released[0], "tok_segmap")
    value = np.random.default_rng(0).uniform(0, 1, (2, 96, 96)).astype("f4")
    with torch.no_grad():
        expected = codec.encode(kind(field=torch.from_numpy(value)))
        planes = [Image(v[None], ("plane",), 0.262, np.ones((1, 96, 96))) for v in value]
        found = ours(released, "tok_segmap", planes)
        assert (found == expected).float().mean() > 0.99
        tokens = released[1].tokenizers["tok_segmap"].encode(planes)
        decoded = np.concatenate([r.flux for r in released[1].tokenizers["tok_segmap"].decode(tokens)])
        np.testing.assert_allclose(decoded, codec.decode(found).field.numpy(), rtol=1e-4, atol=1e-5)
