"""Models of tracks on disk: our own files, and a directory in MIMIC's layout."""

import json

import pytest
import torch
from safetensors.torch import save_file

from foundation.errors import FoundationError
from foundation.interop.mimic import to_released
from foundation.model.pretrained import FoundationModel
from foundation.model.tracks.pretrained import TrackModel


@pytest.fixture
def stored(draw):
    torch.manual_seed(0)
    return TrackModel(draw.config, list(draw.spaces.values())).eval()


def test_stored_and_read(stored, draw, tmp_path):
    stored.save_pretrained(tmp_path / "model")
    back = FoundationModel.from_pretrained(tmp_path / "model")
    assert isinstance(back, TrackModel) and back.config == draw.config and back.spaces == stored.spaces
    tokens = [draw.sample({"rna_seq": 9, "cds": 9}), draw.sample({"aa_seq": 4})]
    assert torch.equal(back.encode(tokens).values, stored.encode(tokens).values)


def test_a_directory_in_the_released_layout(stored, draw, tmp_path):
    """Sizes come from the tensors; config.json only says what it is."""
    save_file(to_released(stored), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"in_domains": ["tok_rna_seq"], "out_domains": []}))
    back = FoundationModel.from_pretrained(tmp_path)
    assert set(back.config.text) == set(draw.config.text) and back.config.heads == draw.config.heads
    tokens = [draw.sample({"rna_seq": 9, "cds": 9})]
    torch.testing.assert_close(back.encode(tokens).values, stored.encode(tokens).values, rtol=1e-4, atol=1e-5)


def test_refusals(stored, tmp_path):
    stored.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"model": {"depth": 3}}))
    with pytest.raises(FoundationError, match=r"does not fit its config\.json"):
        TrackModel.from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config | {"kind": "fields"}))
    with pytest.raises(FoundationError, match="holds no model of tracks but fields"):
        TrackModel.from_pretrained(tmp_path)
