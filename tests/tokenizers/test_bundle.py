"""The bundle: samples with any subset of modalities, to tokens and back, stored as one directory each."""

import numpy as np
import pytest
import torch

from foundation.data.records import Image, Sample, Scalar, Spectrum
from foundation.errors import FoundationError
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.bundle import TokenizerBundle


@pytest.fixture
def bundle(image_tokenizer, spectrum_tokenizer, scalar_tokenizer):
    desi = spectrum_tokenizer()
    sdss = desi.renamed("spectrum_sdss")
    return TokenizerBundle(
        {"image": image_tokenizer(), "spectrum_desi": desi, "spectrum_sdss": sdss, "flux_g": scalar_tokenizer()}
    )


@pytest.fixture
def samples(make_image, make_spectrum):
    full = {
        "image": make_image(0),
        "spectrum_desi": make_spectrum(0),
        "spectrum_sdss": make_spectrum(1),
        "flux_g": Scalar(2.0, "flux_g"),
    }
    return [
        Sample("full", full),
        Sample("spectrum only", {"spectrum_sdss": make_spectrum(2)}),
        Sample("without image", {k: v for k, v in full.items() if k != "image"}),
    ]


def test_spaces_are_named_like_the_modalities(bundle):
    assert [s.name for s in bundle.spaces] == ["image", "spectrum_desi", "spectrum_sdss", "flux_g"]


def test_each_sample_has_the_tokens_of_what_it_has(bundle, samples):
    tokens = bundle.encode(samples)
    assert [set(t.names()) for t in tokens] == [set(s) for s in samples]
    for t, sample in zip(tokens, samples, strict=True):
        for modality, record in sample.items():
            alone = bundle.tokenizers[modality].encode([record])[0]
            part = t.select(t.of(modality))
            assert torch.equal(part.ids, alone.ids)
            assert torch.equal(part.position, alone.position)


def test_only_some_modalities(bundle, samples):
    assert set(bundle.encode(samples[:1], ["image", "flux_g", "unheard of"])[0].names()) == {"image", "flux_g"}


def test_unknown_and_uninformative_records_are_left_out(bundle, samples, make_image, make_spectrum):
    image, spectrum = make_image(), make_spectrum()
    blank = Image(image.flux, image.bands, 0.262, np.zeros_like(image.ivar))
    infrared = Spectrum(spectrum.flux, spectrum.wavelength + 2e4, spectrum.ivar)
    records = {"image": blank, "spectrum_desi": infrared, "flux_g": Scalar(1.0, "flux_g"), "mass": Scalar(1.0, "mass")}
    assert bundle.encode([records])[0].names() == ("flux_g",)
    assert bundle.accepts(records)
    assert not bundle.accepts({"image": blank, "mass": Scalar(1.0, "mass")})
    with pytest.raises(FoundationError, match="No tokens"):
        bundle.encode([{"image": blank}])


def test_decoding_gives_a_record_per_modality(bundle, samples):
    tokens = bundle.encode(samples)
    back = bundle.decode(tokens[0])
    assert {k: type(v) for k, v in back.items()} == {k: type(v) for k, v in samples[0].items()}
    assert set(bundle.decode(tokens[1])) == {"spectrum_sdss"}
    other = TokenizerBundle({"image": bundle.tokenizers["image"]})
    with pytest.raises(TokenizerError, match="no tokenizer for"):
        other.decode(tokens[1])


def test_stored_and_read_it_gives_the_same_codes(bundle, samples, tmp_path):
    bundle.save_pretrained(tmp_path / "tokenizers")
    assert sorted(p.name for p in (tmp_path / "tokenizers").iterdir()) == sorted(bundle.tokenizers)
    (tmp_path / "tokenizers" / "training" / "image").mkdir(parents=True)  # what training leaves is not a tokenizer
    again = TokenizerBundle.from_pretrained(tmp_path / "tokenizers")
    assert again.fingerprint() == bundle.fingerprint()
    for one, two in zip(bundle.encode(samples), again.encode(samples), strict=True):
        for name in one.names():
            assert torch.equal(one.ids[one.of(name)], two.ids[two.of(name)])


def test_the_fingerprint_depends_on_weights_and_names_and_not_on_order(bundle, scalar_tokenizer):
    reverse = TokenizerBundle(dict(reversed(bundle.tokenizers.items())))
    assert reverse.fingerprint() == bundle.fingerprint()
    fewer = TokenizerBundle({"image": bundle.tokenizers["image"]})
    renamed = TokenizerBundle({"picture": bundle.tokenizers["image"].renamed("picture")})
    assert len({bundle.fingerprint(), fewer.fingerprint(), renamed.fingerprint()}) == 3
    desi, sdss = bundle.tokenizers["spectrum_desi"], bundle.tokenizers["spectrum_sdss"]
    assert desi.fingerprint() == sdss.fingerprint()


def test_wrong_names_and_empty_directories_are_refused(bundle, tmp_path):
    with pytest.raises(TokenizerError, match="renamed"):
        TokenizerBundle({"spectrum_sdss": bundle.tokenizers["spectrum_desi"]})
    with pytest.raises(TokenizerError, match="none given"):
        TokenizerBundle({})
    with pytest.raises(TokenizerError, match="holds no tokenizer"):
        TokenizerBundle.from_pretrained(tmp_path)
