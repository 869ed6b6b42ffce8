"""Every tokenizer keeps the promises of tokenizers/base.py."""

import json
from dataclasses import fields

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from foundation.data.records import Image, Scalar, Sequence, Spectrum, Structure
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.catalog import TOKENIZERS, load_tokenizer


def records(make, n=5):
    return [make(seed) for seed in range(n)]


def content(record):
    return {f.name: np.array(v) for f in fields(record) if (v := getattr(record, f.name)) is not None}


def codes(tokens):
    """What the tokens say, whatever their space."""
    [space] = tokens.spaces
    return tokens.ids if space.discrete else tokens.vectors[space.name][tokens.ids]


def test_codes_lie_in_their_space_and_positions_in_its_axes(case):
    tokenizer, make = case
    for tokens in tokenizer.encode(records(make)):
        assert tokens.spaces == (tokenizer.space,)
        assert tokens.ids.dtype == torch.int64
        if tokenizer.space.discrete:
            assert 0 <= tokens.ids.min() <= tokens.ids.max() < tokenizer.space.size
        else:
            assert tokens.vectors[tokenizer.space.name].shape == (len(tokens), tokenizer.space.size)
        assert tokens.position.isfinite().all()
        for column, axis in enumerate(tokenizer.space.axes):
            steps = (tokens.position[:, column] - axis.low) / axis.step
            assert (steps - steps.round()).abs().max() < 1e-3 or tokenizer.token_count
            assert axis.low <= tokens.position[:, column].min() <= tokens.position[:, column].max() <= axis.high


def test_records_of_one_length_have_one_token_at_each_place(learned):
    tokenizer, make = learned
    for tokens in tokenizer.encode(records(make)):
        assert len(tokens) == tokenizer.token_count
        for column, axis in enumerate(tokenizer.space.axes):
            assert tokens.position[:, column].min() == pytest.approx(axis.low)
            assert tokens.position[:, column].max() == pytest.approx(axis.high)
            assert len(tokens.position[:, column].unique()) == axis.count


def test_encoding_repeats_and_leaves_the_record_alone(case):
    tokenizer, make = case
    record = make(1)
    before = content(record)
    first, second = tokenizer.encode([record])[0], tokenizer.encode([record])[0]
    assert torch.equal(codes(first), codes(second))
    for name, value in content(record).items():
        np.testing.assert_array_equal(value, before[name])


def test_different_records_get_different_codes(case):
    tokenizer, make = case
    assert len({tuple(codes(t).flatten().tolist()) for t in tokenizer.encode(records(make, 8))}) > 4


def test_a_batch_is_its_records_one_by_one(case):
    tokenizer, make = case
    many = records(make, 70)  # more than one chunk
    together = tokenizer.encode(many)
    assert len(together) == 70
    for i in (0, 33, 69):
        alone = tokenizer.encode([many[i]])[0]
        assert torch.equal(codes(alone), codes(together[i]))
        assert torch.equal(alone.position, together[i].position)


def test_decoding_gives_a_record_of_the_same_kind(case):
    tokenizer, make = case
    record = make(2)
    tokens = tokenizer.encode([record])[0]
    back = tokenizer.decode([tokens])[0]
    assert type(back) is type(record)
    if isinstance(record, Scalar):
        assert back.name == record.name
    if isinstance(record, Image):
        assert back.flux.shape == record.flux.shape
        assert back.bands == record.bands
        assert back.pixel_scale == pytest.approx(record.pixel_scale)
    if isinstance(record, Spectrum):
        if tokenizer.token_count:  # else on a grid of its own, see test_states
            np.testing.assert_allclose(back.wavelength, tokenizer.config.wavelength)
        assert back.unit == record.unit
    if isinstance(record, Sequence):
        assert (len(back), back.kind) == (len(record), record.kind)
    if isinstance(record, Structure):
        assert len(back) == len(record)


def test_the_order_of_the_tokens_does_not_matter_to_the_decoder(case, generator):
    tokenizer, make = case
    tokens = tokenizer.encode([make(2)])[0]
    shuffled = tokens.select(torch.randperm(len(tokens), generator=generator))
    before, after = (content(tokenizer.decode([t])[0]) for t in (tokens, shuffled))
    for name, value in before.items():
        np.testing.assert_array_equal(value, after[name])


def test_stored_and_read_it_gives_the_same_codes(case, tmp_path):
    tokenizer, make = case
    tokenizer.save_pretrained(tmp_path / "x")
    again = load_tokenizer(tmp_path / "x")
    assert type(again) is type(tokenizer)
    assert again.space == tokenizer.space
    assert again.config == tokenizer.config
    assert again.fingerprint() == tokenizer.fingerprint()
    for one, two in zip(tokenizer.encode(records(make)), again.encode(records(make)), strict=True):
        assert torch.equal(codes(one), codes(two))


def test_the_fingerprint_tells_weights_apart_and_ignores_the_name(learned):
    tokenizer, _ = learned
    before = tokenizer.fingerprint()
    assert len(before) == 12
    assert int(before, 16) >= 0
    other = tokenizer.renamed("elsewhere")
    assert other.space.name == "elsewhere"
    assert other.fingerprint() == before
    name = next(n for n, t in tokenizer.state_dict().items() if t.is_floating_point())
    tokenizer.state_dict()[name].view(-1)[0] += 1e-3
    assert tokenizer.fingerprint() != before
    assert other.fingerprint() == before, "a renamed tokenizer has weights of its own"


def test_too_few_tokens_or_foreign_codes_are_refused(learned):
    tokenizer, make = learned
    tokens = tokenizer.encode([make(0)])[0]
    with pytest.raises(TokenizerError, match="tokens to decode"):
        tokenizer.decode([tokens.select(torch.arange(len(tokens) - 1))])
    tokens.ids[-1] = tokenizer.space.size
    with pytest.raises(TokenizerError, match="the codes are 0 to"):
        tokenizer.decode([tokens])


def test_a_record_of_another_kind_is_refused(case):
    tokenizer, make = case
    other = (
        Spectrum(np.ones(3), np.arange(1.0, 4), np.ones(3)) if isinstance(make(0), Scalar) else Scalar(1.0, "flux_g")
    )
    with pytest.raises(TokenizerError, match="this tokenizer takes a"):
        tokenizer.encode([other])


@pytest.mark.parametrize("damage", ["missing", "extra", "reshaped", "cut", "absent"])
def test_weights_that_do_not_fit_are_refused(learned, tmp_path, damage):
    tokenizer, _ = learned
    tokenizer.save_pretrained(tmp_path / "x")
    file = tmp_path / "x" / "model.safetensors"
    tensors = load_file(file)
    name = sorted(tensors)[0]
    if damage == "missing":
        del tensors[name]
    elif damage == "extra":
        tensors["surplus"] = torch.zeros(1)
    elif damage == "reshaped":
        tensors[name] = torch.zeros(3, 3, 3)
    save_file(tensors, file)
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-5])
    elif damage == "absent":
        file.unlink()
    with pytest.raises(TokenizerError, match=r"model\.safetensors"):
        load_tokenizer(tmp_path / "x")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c["config"].update(colour=1), "colour missing or unknown"),
        (lambda c: c["config"].popitem(), "missing or unknown"),
        (lambda c: c.pop("config"), "not a tokenizer's configuration"),
        (lambda c: c.update(tokenizer="phrenology"), "'phrenology' is unknown"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(tmp_path, scalar_tokenizer, change, says):
    scalar_tokenizer().save_pretrained(tmp_path / "x")
    file = tmp_path / "x" / "config.json"
    config = json.loads(file.read_text())
    change(config)
    file.write_text(json.dumps(config))
    with pytest.raises(TokenizerError, match=says):
        load_tokenizer(tmp_path / "x")


def test_another_kind_and_no_directory_are_refused(tmp_path, scalar_tokenizer):
    scalar_tokenizer().save_pretrained(tmp_path / "x")
    with pytest.raises(TokenizerError, match="of kind 'scalar', not 'image'"):
        TOKENIZERS["image"].from_pretrained(tmp_path / "x")
    with pytest.raises(TokenizerError, match="no tokenizer directory"):
        load_tokenizer(tmp_path / "y")


def test_the_table_names_every_class_by_its_kind():
    assert {name: c.kind for name, c in TOKENIZERS.items()} == {name: name for name in TOKENIZERS}
