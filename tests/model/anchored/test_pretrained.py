import json

import pytest
import torch
from safetensors.torch import load_file

from foundation.errors import FoundationError
from foundation.model.anchored.config import AnchoredConfig
from foundation.model.anchored.pretrained import AnchoredModel

SMALL = {"width": 16, "protein_depth": 1, "depth": 1, "heads": 2, "dim": 8, "hidden": 24}


@pytest.fixture(params=["pairs", "interleaved"])
def model(request):
    torch.manual_seed(0)
    return AnchoredModel(AnchoredConfig(factorisation=request.param, **SMALL))


def test_a_stored_model_is_the_same(model, tmp_path):
    model.save_pretrained(tmp_path / "model")
    loaded = AnchoredModel.from_pretrained(tmp_path / "model")
    assert loaded.config == model.config and not loaded.training
    assert all(torch.equal(t, loaded.state_dict()[n]) for n, t in model.state_dict().items())
    assert "main_model.log_head.bias" in load_file(tmp_path / "model" / "model.safetensors")
    model.save_pretrained(tmp_path / "model")  # over its own kind


def test_refusals(model, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FoundationError, match="holds no anchored model"):
        model.save_pretrained(tmp_path)
    with pytest.raises(FoundationError, match="holds no anchored model"):
        AnchoredModel.from_pretrained(tmp_path)
    model.save_pretrained(tmp_path / "model")
    config = tmp_path / "model" / "config.json"
    content = json.loads(config.read_text())
    config.write_text(json.dumps(content | {"format": 99}))
    with pytest.raises(FoundationError, match="format 99"):
        AnchoredModel.from_pretrained(tmp_path / "model")
    config.write_text(json.dumps(content | {"model": {"wide": 3}}))
    with pytest.raises(FoundationError, match="damaged or edited wrongly"):
        AnchoredModel.from_pretrained(tmp_path / "model")
