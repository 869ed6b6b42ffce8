"""Inspect: each kind of thing is recognised and its numbers are right; anything else is one sentence."""

import json

import pytest
import torch
from rich.console import Console
from safetensors.torch import save_file

from foundation.__main__ import main
from foundation.data.inspect import describe
from foundation.data.records import Sample, Scalar
from foundation.data.shards import TokenSample, write_records, write_tokens
from foundation.errors import FoundationError
from foundation.tokens import Axis, Space, Tokens

SPACE = Space("image", "discrete", 77, (Axis("x", "arcsec", 0.0, 1.0, 0.1),))


def said(path):
    """What `describe` shows at a width where no line is broken."""
    console = Console(width=300, markup=False, highlight=False)
    with console.capture() as capture:
        for part in describe(path):
            console.print(part, soft_wrap=isinstance(part, str))
    return capture.get()


@pytest.fixture
def tokens(tmp_path):
    position = torch.zeros(6, 1, dtype=torch.float64)
    codes = torch.arange(6)
    samples = [TokenSample(f"s{i}", Tokens.of_space(SPACE, codes, position), {"z": 0.5}) for i in range(9)]
    write_tokens(samples, tmp_path / "tokens", (SPACE,), "c0ffee", samples_per_member=4)
    return tmp_path / "tokens"


def test_token_shards(tokens):
    for path in (tokens, tokens / "shard-000000.tar"):
        text = said(path)
        assert "9 samples of tokens in 1 shards (3 members" in text and "tokenizer c0ffee" in text
        assert "image  discrete  77    x [arcsec]  100.0%   6.0" in text
        assert "z      float  9" in text


def test_record_shards(tmp_path):
    samples = [Sample(f"s{i}", {"redshift": Scalar(0.1, "redshift")} if i else {}) for i in range(4)]
    write_records(samples, tmp_path / "records")
    text = said(tmp_path / "records")
    assert "4 samples of records" in text
    assert "redshift  3        75.0%" in text


def test_verify_is_an_option_and_finds_a_changed_byte(tokens, capsys):
    assert main(["inspect", str(tokens), "--verify"]) == 0
    assert "every checksum agrees" in capsys.readouterr().out
    shard = tokens / "shard-000000.tar"
    content = bytearray(shard.read_bytes())
    content[700] ^= 1
    shard.write_bytes(content)
    assert main(["inspect", str(tokens), "--verify", "true"]) == 1
    assert "shard-000000.tar: the checksum differs" in capsys.readouterr().err


def test_exported_model_with_tokenizers(tmp_path):
    for folder, shape in ((tmp_path / "model", (3, 5)), (tmp_path / "model" / "tokenizers" / "image", (2, 2))):
        folder.mkdir(parents=True)
        save_file({"weight": torch.zeros(shape), "bias": torch.zeros(shape[0])}, folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps({"width": 32, "spaces": [{"name": "image"}]}))
    text = said(tmp_path / "model")
    assert "18 parameters in 2 tensors" in text  # 3 x 5 + 3
    assert "6 parameters in 2 tensors" in text and "tokenizers/image" in text
    assert "width    32" in text
    assert "weight  3x5" in said(tmp_path / "model" / "model.safetensors")


def test_run_and_checkpoint(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "config.yaml").write_text("seed: 7\n")
    state = {"global_step": 40, "epoch": 0, "state_dict": {"w": torch.zeros(4, 4)}, "loops": {}}
    torch.save(state, tmp_path / "checkpoints" / "last.ckpt")
    text = said(tmp_path)
    assert "1 checkpoints, not exported" in text and "seed: 7" in text
    assert "step 40, epoch 0, 16 parameters in 1 tensors" in text


def test_survey_file(astro_data):
    path = next((astro_data / "boss_plate7102").glob("spec-*.fits*"))
    text = said(path)
    assert "1 samples" in text and "spectrum_sdss" in text and "Å" in text and "class" in text


def test_what_is_unknown_or_damaged_is_one_sentence(tmp_path, tokens):
    for name, words in (("last.ckpt", "as a checkpoint"), ("model.safetensors", "as safetensors")):
        (tmp_path / name).write_bytes(b"not this at all")
        with pytest.raises(FoundationError, match=words):
            said(tmp_path / name)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{")
    with pytest.raises(FoundationError, match=r"config.json: this is not JSON"):
        said(tmp_path / "model")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FoundationError, match=r"holds none of manifest.json"):
        said(tmp_path / "empty")
    with pytest.raises(FoundationError, match="no such file"):
        said(tmp_path / "nowhere")


def test_only_shards_can_be_verified(tmp_path, capsys):
    save_file({"weight": torch.zeros(2)}, tmp_path / "model.safetensors")
    assert main(["inspect", str(tmp_path / "model.safetensors"), "--verify"]) == 1
    assert "only shards have checksums" in capsys.readouterr().err
