"""Files in Walrus's layout: read safely and strictly, written back; models stored and grown."""

import pickle
from dataclasses import replace

import pytest
import torch
import yaml
from safetensors.torch import save_file

from foundation.errors import FoundationError
from foundation.interop.tensors import read_tensors
from foundation.interop.walrus import FIELDS, to_released
from foundation.interop.walrus_files import read_walrus, write_walrus
from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.grow import add_fields
from foundation.model.fields.pretrained import FieldModel

SMALL = FieldModelConfig(width=32, depth=2, heads=2, hidden=24, inner=4, frequencies=2)
RING = torch.full((3, 2), 2)


@pytest.fixture
def model():
    torch.manual_seed(0)
    made = FieldModel(SMALL, FIELDS).double().eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return made


def speak(model, names=("density", "pressure")):
    seeded = torch.Generator().manual_seed(1)
    dtype = next(model.parameters()).dtype
    values = torch.randn(1, 3, 2, 8, 12, 1, generator=seeded, dtype=torch.float64).to(dtype)
    with torch.no_grad():
        return model(values, names, torch.tensor([[0, 1], [2, 2], [2, 2]]))


def same(a, b):
    return a.names == b.names and all(torch.equal(t, b.state_dict()[n]) for n, t in a.state_dict().items())


@pytest.mark.parametrize("wrap", ["bare", "nested", "compiled", "wrapped twice", "safetensors"])
def test_the_ways_a_file_may_be_wrapped(model, wrap, tmp_path):
    tensors = {n: t.contiguous() for n, t in to_released(model.state_dict(), SMALL).items()}
    prefix = {"compiled": "_orig_mod.", "wrapped twice": "module._orig_mod."}.get(wrap, "")
    tensors = {prefix + n: t for n, t in tensors.items()}
    path = tmp_path / ("coalesced.safetensors" if wrap == "safetensors" else "coalesced.pth")
    if wrap == "safetensors":
        save_file(tensors, path)
    else:
        torch.save({"app": {"model": tensors}} if wrap == "nested" else tensors, path)
    for name in (path, tmp_path):
        again = read_walrus(name)
        assert torch.equal(speak(again), speak(model))
    assert isinstance(FieldModel.from_pretrained(path), FieldModel)


def test_write_and_read(model, tmp_path):
    write_walrus(model, tmp_path / "out")
    table = yaml.safe_load((tmp_path / "out" / "extended_config.yaml").read_text())["data"]["field_index_map_override"]
    assert (table["closed_boundary"], table["pressure"], table["C_zz"]) == (0, 3, 66)
    content = torch.load(tmp_path / "out" / "walrus.pt", weights_only=True)
    assert len(content["app"]["model"]) == 1 + 16 + 2 * 21
    assert same(FieldModel.from_pretrained(tmp_path / "out"), model)
    with pytest.raises(FoundationError, match="Give a new directory"):
        write_walrus(model, tmp_path / "out")


def test_save_and_load(tmp_path):
    model = FieldModel(replace(SMALL, tokens=(8, 8, 4), checkpoint_every=2, drop_path=0.3), FIELDS)
    model.save_pretrained(tmp_path / "stored")
    model.save_pretrained(tmp_path / "stored")  # a field model may be replaced
    again = FieldModel.from_pretrained(tmp_path / "stored")
    assert again.config == model.config and same(again, model) and not again.training
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("")
    with pytest.raises(FoundationError, match="holds no field model"):
        model.save_pretrained(tmp_path / "other")


def test_names_of_a_finetuned_file(model, tmp_path):
    grown = add_fields(model, ("vorticity",))
    write_walrus(grown, tmp_path / "out")
    assert read_walrus(tmp_path / "out").names == (*FIELDS, "vorticity")
    (tmp_path / "out" / "extended_config.yaml").unlink()
    with pytest.raises(FoundationError, match="columns for 65 fields, and 64 names are known"):
        read_walrus(tmp_path / "out")
    assert read_walrus(tmp_path / "out", (*FIELDS, "vorticity")).names[-1] == "vorticity"


def test_new_fields_change_nothing(model):
    grown = add_fields(model, ("vorticity", "salinity"))
    assert torch.allclose(speak(grown), speak(model), rtol=1e-12, atol=1e-13)
    assert (speak(grown, ("density", "salinity"))[:, :, 1] == 0).all()
    assert len(to_released(grown.state_dict(), SMALL)) == len(to_released(model.state_dict(), SMALL))
    with pytest.raises(FoundationError, match="density named twice"):
        add_fields(model, ("density",))
    speak(grown)  # and it can be trained
    assert all(p.requires_grad for p in grown.parameters())


def test_new_fields_change_nothing_where_increments_are_seen():
    torch.manual_seed(1)
    model = FieldModel(replace(SMALL, sees_increments=True), FIELDS).double().eval()
    grown = add_fields(model, ("vorticity", "salinity"))
    assert torch.allclose(speak(grown), speak(model), rtol=1e-12, atol=1e-13)
    assert not torch.allclose(speak(FieldModel(SMALL, FIELDS).double()), speak(model))


@pytest.mark.parametrize("part", [{"extrapolate": 0.5}, {"sees_increments": True}], ids=str)
def test_what_walrus_lacks_is_not_written_in_its_layout(tmp_path, part):
    with pytest.raises(FoundationError, match="Walrus does not"):
        write_walrus(FieldModel(replace(SMALL, **part), FIELDS), tmp_path / "out")
    assert not (tmp_path / "out").exists()


class Evil:
    def __reduce__(self):
        return (print, ("run",))


def test_a_file_that_would_run_code_is_not_read(tmp_path, capsys):
    torch.save({"model": Evil()}, tmp_path / "walrus.pt")
    with pytest.raises(FoundationError, match="it could run code"):
        read_tensors(tmp_path / "walrus.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(FoundationError, match="plain"):
        read_tensors(tmp_path / "plain.pt")
    assert "run" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "message"),
    [([1, 2], "is no dictionary of tensors"), ({"epoch": 3}, "is no dictionary of tensors")],
)
def test_files_without_weights(tmp_path, content, message):
    torch.save(content, tmp_path / "walrus.pt")
    with pytest.raises(FoundationError, match=message):
        read_tensors(tmp_path / "walrus.pt")


def test_damaged_and_missing_files(model, tmp_path):
    write_walrus(model, tmp_path / "out")
    path = tmp_path / "out" / "walrus.pt"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(FoundationError, match="cannot be read"):
        read_tensors(path)
    (tmp_path / "out" / "second.safetensors").write_bytes(b"")
    with pytest.raises(FoundationError, match="holds 2 files of weights"):
        read_walrus(tmp_path / "out")
    with pytest.raises(FoundationError, match="no such directory"):
        FieldModel.from_pretrained(tmp_path / "nowhere")


def test_a_table_with_a_gap(model, tmp_path):
    write_walrus(model, tmp_path / "out")
    (tmp_path / "out" / "extended_config.yaml").write_text(
        yaml.safe_dump({"data": {"field_index_map_override": {"pressure": 0, "density": 5}}})
    )
    with pytest.raises(FoundationError, match="without a gap"):
        read_walrus(tmp_path / "out")
