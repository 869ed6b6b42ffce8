"""A missing optional library is one sentence that names the extra to install."""

import subprocess
import sys

import pytest

from foundation.extras import extra_of


@pytest.mark.parametrize(
    ("module", "extra"),
    [("Bio.PDB", "bio"), ("astropy.io", "astro"), ("sklearn", "eval"), ("RNA", "design"), ("antigravity_ml", None)],
)
def test_which_extra_brings_a_module(module, extra):
    assert extra_of(module) == extra


# apart from this process, which has these libraries loaded already
PROGRAM = """
import sys

class Without:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("astropy", "speclite"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Without())
from foundation.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def without_astronomy(*arguments):
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_the_sky_needs_astropy_and_says_so(tmp_path):
    run = without_astronomy("simulate", "sky", "--objects", "3", "--out", tmp_path / "sky")
    assert run.returncode == 1
    assert run.stderr.startswith("error: this needs ") and "pip install 'foundation-science[astro]'" in run.stderr


def test_fields_need_no_astropy(tmp_path):
    sizes = ("--trajectories", "12", "--frames", "3", "--size", "16")
    run = without_astronomy("simulate", "fields", "shear_flow", *sizes, "--out", tmp_path / "sets")
    assert run.returncode == 0, run.stderr
