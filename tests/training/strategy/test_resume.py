"""A run goes on under another strategy from the same file: checkpoints hold whole tensors by name."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from foundation.model.pretrained import FoundationModel
from foundation.training.export import export

SCRIPT = Path(__file__).with_name("tiny.py")


def train(way, shards, out):
    if way.startswith("zero"):
        pytest.importorskip("deepspeed")
    out.mkdir(exist_ok=True)
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [sys.executable, *launch, SCRIPT, shards, out, way, "120"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="module")
def whole(token_shards, tmp_path_factory):
    """Directory of a run under ddp."""
    out = tmp_path_factory.mktemp("whole") / "run"
    train("ddp", token_shards, out)
    return out


@pytest.mark.slow
def test_each_strategy_takes_over_from_the_one_before(whole, token_shards, tmp_path, column):
    """From step 12 to 16 under four strategies in turn, each from the checkpoint that the last one saved."""
    before = whole
    for way in ("zero1", "zero3", "fsdp", "zero2"):
        out = tmp_path / way
        shutil.copytree(before, out, symlinks=True)
        for path in [*(out / "checkpoints").glob("*16*"), out / "checkpoints" / "last.ckpt"]:
            path.unlink()
        train(way, token_shards, out)
        difference = np.abs(column(out) - column(whole)).max()
        print(f"{before.name} to {way}: largest difference {difference:.1e}")
        assert difference < 1e-5
        export(out, out=tmp_path / "exported" / way)
        assert FoundationModel.from_pretrained(tmp_path / "exported" / way).config.width == 32
        before = out
