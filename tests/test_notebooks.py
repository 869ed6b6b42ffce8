"""The notebooks run from top to bottom on simulated objects; slow."""

import json
import os
from pathlib import Path

import pytest

from foundation.__main__ import main

ROOT = Path(__file__).parents[1]
WRITTEN = {"embed": "embeddings.parquet", "generate": "redshifts.npz", "probe": "evaluation/report.html"}
BOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def code_of(path):
    return ["".join(c["source"]) for c in json.loads(path.read_text())["cells"] if c["cell_type"] == "code"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A directory like that of the repository, with the small model that the notebooks share."""
    path = tmp_path_factory.mktemp("world")
    (path / "configs").symlink_to(ROOT / "configs")
    before = Path.cwd()
    os.chdir(path)
    try:
        assert main(["quickstart", "--config", "configs/notebooks.yaml"]) == 0
    finally:
        os.chdir(before)
    return path


@pytest.mark.parametrize("path", BOOKS, ids=lambda p: p.stem)
def test_notebooks_are_kept_without_output_and_are_python(path):
    cells = json.loads(path.read_text())["cells"]
    assert all(not c.get("outputs") and c.get("execution_count") is None for c in cells)
    for source in code_of(path):
        compile(source, path.name, "exec")


@pytest.mark.slow
@pytest.mark.parametrize("path", BOOKS, ids=lambda p: p.stem)
def test_a_notebook_runs(path, world, monkeypatch):
    plt = pytest.importorskip("matplotlib.pyplot")
    monkeypatch.chdir(world)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    plt.switch_backend("Agg")
    names = {"__name__": "__main__"}
    for source in code_of(path):
        exec(source, names)
    plt.close("all")
    assert (world / "runs" / "notebooks" / WRITTEN[path.stem]).is_file()
