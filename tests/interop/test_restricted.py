"""Reading files that hold more than tensors: what is kept, and that nothing is run."""

import io
import os
import pickle
import sys
import types
import zipfile
from collections import OrderedDict, defaultdict

import pytest
import torch

from foundation.errors import FoundationError
from foundation.interop.command import convert
from foundation.interop.restricted import plain_settings, read_restricted
from foundation.interop.rnabang import to_released
from foundation.model.anchored.config import AnchoredConfig
from foundation.model.anchored.pretrained import AnchoredModel
from foundation.model.anchored.transformer import AnchoredTransformer

SMALL = AnchoredConfig(width=16, protein_depth=1, depth=1, heads=2, dim=8, points=2, value_points=3, hidden=24)


@pytest.fixture
def settings(monkeypatch):
    """Nested settings as omegaconf stores them, of classes that exist only while the file is written."""
    module = types.ModuleType("omegaconf.nodes")
    for name in ("DictConfig", "ListConfig", "AnyNode", "ContainerMetadata"):
        setattr(module, name, type(name, (), {"__module__": "omegaconf.nodes"}))
    monkeypatch.setitem(sys.modules, "omegaconf.nodes", module)
    monkeypatch.setitem(sys.modules, "omegaconf", types.ModuleType("omegaconf"))

    def wrap(value):
        kind = {dict: "DictConfig", list: "ListConfig"}.get(type(value), "AnyNode")
        made = getattr(module, kind)()
        if kind == "DictConfig":
            value = {k: wrap(v) for k, v in value.items()}
        if kind == "ListConfig":
            value = [wrap(v) for v in value]
        made.__dict__["_content" if kind != "AnyNode" else "_val"] = value
        made.__dict__["_metadata"] = module.ContainerMetadata()
        return made

    return wrap


def test_a_file_of_the_highest_protocol_with_settings(settings, tmp_path):
    plain = {"width": 16, "tokens": ["A", "C"], "head": "${tokenizer.size}", "rate": 0.1, "none": None}
    tensors = OrderedDict(a=torch.randn(3, 4), b=torch.arange(5), c=torch.randn(4, 3).T[1:], d=torch.ones(2).bfloat16())
    content = {"model": tensors, "conf": settings(plain), "step": 3, "counts": defaultdict(list, x=[1])}
    torch.save(content, tmp_path / "all.pth", pickle_protocol=5)
    found = read_restricted(tmp_path / "all.pth")
    assert list(found["model"]) == list(tensors) and found["step"] == 3 and found["counts"] == {"x": [1]}
    assert all(torch.equal(found["model"][n], t) for n, t in tensors.items())
    assert plain_settings(found["conf"]) == plain


class Payload:
    """Runs a command when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_code_is_refused_and_not_run(tmp_path):
    torch.save({"model": {}, "conf": Payload(tmp_path / "ran")}, tmp_path / "bad.pth", pickle_protocol=5)
    with pytest.raises(FoundationError, match=r"names \w+.system, which tensors and settings have no need of"):
        read_restricted(tmp_path / "bad.pth")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["eval", "getattr", "__import__", "open"])
def test_other_builtins_are_refused(name, tmp_path):
    write(tmp_path / "bad.pth", f"cbuiltins\n{name}\n.".encode())
    with pytest.raises(FoundationError, match=f"names builtins.{name}"):
        read_restricted(tmp_path / "bad.pth")


def write(path, structure, **members):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", structure)
        for name, content in members.items():
            archive.writestr(f"archive/data/{name}", content)


class Storage(pickle.Pickler):
    """Writes a range as a storage of two numbers."""

    def persistent_id(self, thing):
        return ("storage", torch.FloatStorage, "0", "cpu", 2) if isinstance(thing, range) else None


class Tensor:
    def __init__(self, *arguments):
        self.arguments = arguments

    def __reduce__(self):
        return torch._utils._rebuild_tensor_v2, self.arguments


def test_a_tensor_cannot_reach_beyond_its_numbers(tmp_path):
    for size, numbers in ((2, b"\0" * 8), (3, b"\0" * 8), (2, b"\0" * 4)):
        structure = io.BytesIO()
        Storage(structure, 2).dump(Tensor(range(2), 0, (size,), (1,), False, OrderedDict()))
        write(tmp_path / "file.pth", structure.getvalue(), **{"0": numbers})
        if size == 2 and len(numbers) == 8:
            assert torch.equal(read_restricted(tmp_path / "file.pth"), torch.zeros(2))
        else:
            with pytest.raises(FoundationError):
                read_restricted(tmp_path / "file.pth")


def test_damaged_files(tmp_path):
    with pytest.raises(FoundationError, match="cannot be opened"):
        read_restricted(tmp_path / "absent.pth")
    (tmp_path / "text.pth").write_text("no zip")
    with pytest.raises(FoundationError, match="cannot be opened"):
        read_restricted(tmp_path / "text.pth")
    write(tmp_path / "short.pth", b"\x80\x05")
    with pytest.raises(FoundationError, match="is damaged"):
        read_restricted(tmp_path / "short.pth")
    with zipfile.ZipFile(tmp_path / "other.pth", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(FoundationError, match="zip without tensors"):
        read_restricted(tmp_path / "other.pth")


def test_a_checkpoint_is_converted(settings, tmp_path, capsys):
    torch.manual_seed(0)
    model = AnchoredTransformer(SMALL)
    released = {f"module.{n}": t for n, t in to_released(model.state_dict(), SMALL).items()}
    torch.save({"model": released, "conf": settings({"c_s": 16}), "epoch": 3}, tmp_path / "icml.pth", pickle_protocol=5)
    convert(tmp_path / "icml.pth", out=tmp_path / "model")
    loaded = AnchoredModel.from_pretrained(tmp_path / "model")
    assert all(torch.equal(t, loaded.state_dict()[n]) for n, t in model.state_dict().items())
    assert (tmp_path / "model" / "released.json").read_text().split() == ["{", '"c_s":', "16", "}"]
    assert "parameters" in capsys.readouterr().out
    with pytest.raises(FoundationError, match="exists"):
        convert(tmp_path / "icml.pth", out=tmp_path / "model")
    torch.save([1], tmp_path / "list.pth")
    with pytest.raises(FoundationError, match="no weights under 'model'"):
        convert(tmp_path / "list.pth", out=tmp_path / "other")
