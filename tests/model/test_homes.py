"""One from_pretrained for all systems, and a refusal where tokens are wanted."""

from dataclasses import replace

import pytest
import torch

from foundation import FoundationModel
from foundation.config import ModelConfig
from foundation.errors import FoundationError
from foundation.interop.walrus_files import write_walrus
from foundation.model.anchored.config import AnchoredConfig
from foundation.model.anchored.pretrained import AnchoredModel
from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.pretrained import FieldModel
from foundation.model.spectra.config import SpectraConfig
from foundation.model.spectra.pretrained import SpectralModel
from foundation.tokens import Space

FIELDS = FieldModelConfig(width=16, depth=1, heads=2, hidden=16, inner=4, frequencies=1, tokens=(4, 4, 4))


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


@pytest.fixture
def stored(tmp_path):
    torch.manual_seed(0)
    models = {
        "tokens": FoundationModel(ModelConfig(width=16, depth=1, heads=2), (Space("code", "discrete", 5),)),
        "fields": FieldModel(FIELDS, ("density", "pressure")),
        "anchored": AnchoredModel(replace(AnchoredConfig(), depth=1)),
        "spectra": SpectralModel(SpectraConfig(width=16, depth=1, decoder_depth=1, heads=2)),
    }
    for name, model in models.items():
        model.save_pretrained(tmp_path / name)
    return models


@pytest.mark.parametrize("name", ["tokens", "fields", "anchored", "spectra"])
def test_every_system_is_read_by_its_class(stored, tmp_path, name):
    found = FoundationModel.from_pretrained(tmp_path / name)
    assert type(found) is type(stored[name]) and same(found, stored[name]) and not found.training


@pytest.mark.parametrize("name", ["tokens", "fields", "anchored", "spectra"])
def test_every_system_has_a_card_that_loads_it(stored, tmp_path, name):
    readme = (tmp_path / name / "README.md").read_text()
    assert f"\n{sum(p.numel() for p in stored[name].parameters()):,} parameters." in readme
    assert f"| width | {stored[name].config.width} |" in readme
    code = readme.split("```python\n")[1].split("```")[0]
    found = {}
    exec(code.replace("this directory or its hub name", str(tmp_path / name)), found)
    assert same(found["model"], stored[name])


def test_walrus_as_released(stored, tmp_path):
    write_walrus(stored["fields"], tmp_path / "walrus")
    for path in (tmp_path / "walrus", tmp_path / "walrus" / "walrus.pt"):
        found = FoundationModel.from_pretrained(path)
        assert isinstance(found, FieldModel) and same(found, stored["fields"])


def test_tokens_want_their_own_kind(stored, tmp_path):
    assert same(FoundationModel.of_tokens(tmp_path / "tokens"), stored["tokens"])
    with pytest.raises(FoundationError, match="holds a FieldModel, and tokens want a FoundationModel"):
        FoundationModel.of_tokens(tmp_path / "fields")


def test_a_kind_of_the_future(stored, tmp_path):
    config = tmp_path / "fields" / "config.json"
    config.write_text(config.read_text().replace('"fields"', '"dreams"'))
    with pytest.raises(FoundationError, match="holds a 'dreams' model, unknown to this version"):
        FoundationModel.from_pretrained(tmp_path / "fields")
