"""Shared by all tests: one thread, shapes checked at run time, the real data if it is there."""

import os
import sys
from importlib.machinery import PathFinder
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread a test process; must precede torch

import pytest
from jaxtyping import install_import_hook

# an int may stand where a float is annotated, as PEP 484 says
install_import_hook("foundation", "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")


class PlainKernels:
    """Imports Triton's kernels as they are written: its interpreter does not find the names of a wrapped function."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        return PathFinder.find_spec(name, path, target) if ".gpu." in name else None


sys.meta_path.insert(0, PlainKernels)

import torch  # noqa: E402

torch.set_num_threads(1)
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")  # kernels run in the interpreter; must precede triton


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def real_data(kind):
    path = Path(os.environ.get("FOUNDATION_TEST_DATA", Path(__file__).parents[2] / "shared" / "data")) / kind
    if not path.is_dir():
        pytest.skip(f"no real files at {path}")
    return path


@pytest.fixture(scope="session")
def astro_data():
    """Directory of real survey files; tests that need them skip where they are absent."""
    return real_data("astro")


@pytest.fixture(scope="session")
def bio_data():
    """Directory of real sequences and structures; tests that need them skip where they are absent."""
    return real_data("bio")
