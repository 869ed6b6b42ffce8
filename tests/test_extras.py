"""A missing optional library is one sentence that names the extra to install."""

import sys

import pytest

from foundation.__main__ import main
from foundation.extras import extra_of


@pytest.mark.parametrize(
    ("module", "extra"),
    [("Bio.PDB", "bio"), ("astropy.io", "astro"), ("sklearn", "eval"), ("RNA", "design"), ("antigravity_ml", None)],
)
def test_which_extra_brings_a_module(module, extra):
    assert extra_of(module) == extra


class Without:
    """As if some libraries were not installed."""

    def __init__(self, *names):
        self.names = names

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def forget(monkeypatch, *starts):
    for name in list(sys.modules):
        if name.startswith(starts):
            monkeypatch.delitem(sys.modules, name)


def test_the_sky_needs_astropy_and_says_so(monkeypatch, capsys, tmp_path):
    forget(monkeypatch, "astropy", "foundation.data.simulate")
    monkeypatch.setattr(sys, "meta_path", [Without("astropy"), *sys.meta_path])
    assert main(["simulate", "sky", "--objects", "3", "--out", str(tmp_path / "sky")]) == 1
    assert "pip install 'foundation-science[astro]'" in capsys.readouterr().err


def test_fields_need_no_astropy(monkeypatch, tmp_path):
    forget(monkeypatch, "astropy", "foundation.data.simulate")
    monkeypatch.setattr(sys, "meta_path", [Without("astropy", "speclite"), *sys.meta_path])
    assert (
        main(
            [
                "simulate",
                "fields",
                "shear_flow",
                "--trajectories",
                "12",
                "--frames",
                "3",
                "--size",
                "16",
                "--out",
                str(tmp_path / "sets"),
            ]
        )
        == 0
    )
