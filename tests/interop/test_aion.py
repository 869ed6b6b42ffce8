"""AION-1's layout: published counts, both ways, strictly; logits and embeddings of a slow reading."""

import json
from dataclasses import asdict, replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from foundation.__main__ import main
from foundation.batch import pack
from foundation.errors import FoundationError
from foundation.interop.aion import from_released, released_config, to_released
from foundation.interop.aion_files import write_aion
from foundation.interop.aion_keys import KEYS
from foundation.interop.aion_tokens import from_arrays, to_arrays
from foundation.model.pretrained import FoundationModel
from foundation.model.transformer import FoundationTransformer
from foundation.sampling.template import template
from foundation.tokens import Space

from .slow_aion import encode, predict

GIVEN, ASKED = ("tok_segmap", "tok_ebv", "catalog"), ("tok_spectrum_desi", "tok_z")
SIZES = {  # width, blocks, heads -> parameters, tensors, floats in the file
    "base": ((768, 12, 12), (314_255_616, 731, 318_181_632)),
    "large": ((1024, 24, 16), (859_650_048, 1175, 864_961_536)),
    "xlarge": ((2048, 24, 32), (3_130_772_480, 1175, 3_141_386_240)),
}


def sizes(width, blocks, heads):
    return {"width": width, "depth": blocks, "decoder_depth": blocks, "heads": heads, "mlp_ratio": 4}


def all_spaces():
    return [KEYS[n].space for n in sorted(KEYS)]


def shared(model):
    """Tensors that the release has under two names and stores under one."""
    return {f"encoder_embeddings.{s.name}.mod_emb" for s in model.spaces}


@pytest.mark.parametrize("size", SIZES)
def test_counts_of_the_released_sizes(size):
    numbers, expected = SIZES[size]
    with torch.device("meta"):
        model = FoundationTransformer(released_config(False, **sizes(*numbers)), all_spaces())
    released = to_released(model.state_dict(), model.config, model.spaces)
    parameters = sum(p.numel() for p in model.parameters())
    assert (parameters, len(released), sum(t.numel() for t in released.values())) == expected


def test_the_forty_keys():
    assert len(KEYS) == 40 and sum(key.size for key in KEYS.values()) == 50_083
    assert len({key.folder for key in KEYS.values()}) == 38, "both images and both spectra share a codec"
    tokens = {name: len(template(key.space)) for name, key in KEYS.items()}
    several = {n: count for n, count in tokens.items() if count > 1}
    assert several == {
        "tok_image": 576, "tok_image_hsc": 576, "tok_segmap": 144, "tok_spectrum_desi": 273, "tok_spectrum_sdss": 273,
        "tok_xp_bp": 55, "tok_xp_rp": 55, "catalog": 50,
    }  # fmt: skip


@pytest.mark.parametrize("released_behaviour", [False, True])
def test_both_ways_through_a_directory(aion, weights, tmp_path, released_behaviour):
    model = aion()
    write_aion(model, tmp_path / "aion")
    assert sorted(p.name for p in (tmp_path / "aion").iterdir()) == ["config.json", "model.safetensors"]
    read = FoundationModel.from_pretrained(tmp_path / "aion", released_behaviour=released_behaviour)
    assert type(read) is FoundationModel and not read.training
    assert [s.name for s in read.spaces] == [s.name for s in model.spaces]
    assert all(torch.equal(t, model.state_dict()[n]) for n, t in read.state_dict().items())
    assert all(p.requires_grad for p in read.parameters())
    assert (read.config.queries_see, read.config.features) == (
        ("mean", "context") if released_behaviour else ("space", "encoder")
    )
    again = weights(read)
    stored = load_file(tmp_path / "aion" / "model.safetensors")
    assert again.keys() == weights(model).keys() == {*stored, *shared(model)}
    assert all(torch.equal(t, again[n]) for n, t in stored.items())


def test_config_is_the_released_one(aion, tmp_path):
    """Flat, sorted, indented by two; 1,747 bytes with 40 keys at base size, as recorded of the release."""
    write_aion(aion(("tok_z",)), tmp_path / "small")
    text = (tmp_path / "small" / "config.json").read_text()
    stored = json.loads(text)
    assert text == json.dumps(stored, indent=2, sort_keys=True)
    stored |= {"dim": 768, "encoder_depth": 12, "decoder_depth": 12, "num_heads": 12}
    stored |= {domain: sorted(KEYS) for domain in ("domains_in", "domains_out")}
    assert len(json.dumps(stored, indent=2, sort_keys=True)) == 1747


def places_of(arrays, index):
    return {k: (torch.arange(c.shape[1]), c[index]) for k, c in arrays.items()}


@pytest.mark.parametrize("released_behaviour", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_slow_reading_agrees(aion, weights, draw_arrays, released_behaviour, dtype):
    model = aion(released_behaviour=released_behaviour).to(dtype)
    check_logits_and_embeddings(
        model, weights(model), draw_arrays, GIVEN, ASKED, 1e-5 if dtype == torch.float32 else 1e-10
    )


def check_logits_and_embeddings(model, w, draw_arrays, given, asked, tolerance):
    released_behaviour = model.config.queries_see == "mean"
    arrays = draw_arrays((*given, *asked))
    tokens, heads = from_arrays(arrays), model.config.heads
    reveal = [torch.tensor([s.name in asked for s in t.spaces])[t.space].long() for t in tokens]
    batch = pack(list(zip(tokens, reveal, strict=True)), model.spaces)
    with torch.no_grad():
        predictions = model.predict(model(batch), batch)
        for i in range(2):
            known = {k: v for k, v in places_of(arrays, i).items() if k in given}
            slow = predict(w, known, {k: torch.arange(arrays[k].shape[1]) for k in asked}, heads, released_behaviour)
            for key, expected in slow.items():
                rows = predictions[key].rows
                ours = predictions[key].distribution.logits[batch.document[rows] == i]
                torch.testing.assert_close(ours, expected.log_softmax(-1), rtol=tolerance, atol=tolerance)
        states, context = encode(w, known, heads)
        ours = model.encode(from_arrays({k: arrays[k][1:] for k in given}), pool="none")
        torch.testing.assert_close(
            ours.values, context if released_behaviour else states, rtol=tolerance, atol=tolerance
        )


@pytest.mark.slow
@pytest.mark.parametrize("released_behaviour", [False, True])
def test_a_slow_reading_agrees_at_base_size(aion, weights, draw_arrays, released_behaviour):
    model = aion(sorted(KEYS), released_behaviour, sizes(768, 12, 12))
    check_logits_and_embeddings(
        model, weights(model), draw_arrays, ("tok_image", "tok_flux_g"), ("tok_spectrum_desi", "tok_z"), 1e-5
    )


@pytest.mark.slow
def test_the_file_of_base_size_has_the_released_length(tmp_path):
    with torch.device("meta"):
        model = FoundationTransformer(released_config(False, **sizes(768, 12, 12)), all_spaces())
    write_aion(model.to_empty(device="cpu"), tmp_path / "base")
    assert (tmp_path / "base" / "model.safetensors").stat().st_size == 1_272_679_168
    assert (tmp_path / "base" / "config.json").stat().st_size == 1747


def test_strictness(aion, weights, tmp_path):
    model = aion(("tok_z",))
    released, parts = weights(model), (model.config, model.spaces, FoundationTransformer)
    with pytest.raises(FoundationError, match="missing: mask_token; left over: more; of another shape: encoder_norm"):
        others = {n: t for n, t in released.items() if n != "mask_token"}
        from_released(others | {"more": torch.zeros(1), "encoder_norm.weight": torch.zeros(3)}, *parts)
    for name, change in (("encoder.1.norm2.bias", 1.0), ("encoder_embeddings.tok_z.pos_emb", 0.01),
                         ("decoder_embeddings.tok_z.mod_emb", 0.01)):  # fmt: skip
        with pytest.raises(FoundationError, match=f"1 tensors, such as {name}, are not what AION-1 has"):
            from_released(released | {name: released[name] + change}, *parts)
    write_aion(model, tmp_path / "aion")
    file = tmp_path / "aion" / "model.safetensors"
    save_file({n: t for n, t in load_file(file).items() if "qkv" not in n}, file)
    with pytest.raises(FoundationError, match=r"model.safetensors has .* missing: decoder.0.self_attn.qkv.weight"):
        FoundationModel.from_pretrained(tmp_path / "aion")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"register_tokens": 4}, "register_tokens missing or not AION-1's"),
        ({"qkv_bias": True}, "qkv_bias = True missing or not"),
        ({"domains_out": ["tok_z"]}, "only go in or only come out"),
        ({"domains_in": ["tok_moon"], "domains_out": ["tok_moon"]}, "has tok_moon, and AION-1 has only"),
    ],
)
def test_other_configurations_are_refused(aion, tmp_path, change, says):
    write_aion(aion(("tok_ebv", "tok_z")), tmp_path / "aion")
    path = tmp_path / "aion" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(FoundationError, match=says):
        FoundationModel.from_pretrained(tmp_path / "aion")


def test_models_that_aion_has_no_place_for_are_not_exported(aion, tmp_path):
    model = aion(("tok_z",))
    model.config = replace(model.config, decoder_values=False, position="rotary")
    with pytest.raises(FoundationError, match=r"--model\.position grid --model\.decoder_values true"):
        write_aion(model, tmp_path / "out")
    other = FoundationTransformer(released_config(False, width=16, heads=2), [Space("tok_z", "discrete", 9)])
    with pytest.raises(FoundationError, match=r"tok_z \(discrete, 9 codes"):
        write_aion(other, tmp_path / "out")
    FoundationModel(released_config(False, width=16, heads=2), [Space("tok_z", "discrete", 9)]).save_pretrained(
        tmp_path / "ours"
    )
    with pytest.raises(FoundationError, match="released_behaviour says nothing"):
        FoundationModel.from_pretrained(tmp_path / "ours", released_behaviour=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("source", ["exported", "checkpoint"])
def test_the_export_verb(aion, weights, tmp_path, source):
    model = aion(("tok_ebv", "tok_z"))
    if source == "exported":
        model.save_pretrained(tmp_path / source)
    else:
        spaces = [asdict(s) for s in model.spaces]
        record = {"config": {"model": asdict(model.config), "tokenizers": None}, "spaces": spaces}
        state = {f"model.{n}": t for n, t in model.state_dict().items()}
        torch.save({"foundation": record, "state_dict": state}, tmp_path / source)
    assert main(["export", str(tmp_path / source), "--layout", "aion", "--out", str(tmp_path / "aion")]) == 0
    written = load_file(tmp_path / "aion" / "model.safetensors")
    expected = {n: t for n, t in weights(model).items() if n not in shared(model)}
    assert all(torch.equal(t, written.pop(n)) for n, t in expected.items()) and not written


def test_arrays_both_ways(draw_arrays):
    arrays = draw_arrays(("tok_image", "tok_z", "tok_xp_bp"), objects=3)
    tokens = from_arrays(arrays)
    assert all(torch.equal(codes, arrays[k]) for k, codes in to_arrays(tokens, list(arrays)).items())
    hidden = {"tok_z": torch.tensor([[True], [False], [False]])}
    assert [len(t.of("tok_z")) for t in from_arrays(arrays, hidden)] == [0, 1, 1]
    with pytest.raises(FoundationError, match="Object 0 lacks tokens of tok_z"):
        to_arrays(from_arrays(arrays, hidden)[::-1][::-1], ["tok_z"])
    for wrong, says in (
        ({"tok_z": torch.zeros(2, 3).long()}, "tok_z has 3 codes an object, AION-1 1"),
        ({"catalog": torch.full((1, 5), 9999)}, "run from 9999 to 9999, and there are 3468"),
        ({"tok_z": torch.zeros(2).long(), "tok_ebv": torch.zeros(3).long()}, r"Arrays of \[2, 3\] objects"),
    ):
        with pytest.raises(FoundationError, match=says):
            from_arrays(wrong)
    with pytest.raises(FoundationError, match="Everything of object 0 is hidden"):
        from_arrays({"tok_z": torch.zeros(1).long()}, {"tok_z": torch.ones(1, 1).bool()})
