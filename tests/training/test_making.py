"""Recomputed and compiled blocks train as plain ones do, and bfloat16 nearly so, with weights in float32."""

import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

STEPS = 6


def losses(rows):
    return torch.tensor([float(row["train/loss"]) for row in rows if "train/loss" in row])


def test_recomputing_changes_no_bit(assert_same_run, token_shards, tiny_run, unbroken, tmp_path):
    tiny_run(token_shards, tmp_path, recompute=True)
    assert_same_run(tmp_path, unbroken)


@pytest.mark.slow
def test_compiled_blocks_give_the_same_curve(curves, token_shards, tmp_path):
    """In processes of their own, since shapes are checked in this one, which cannot be compiled."""
    plain, compiled = tmp_path / "plain", tmp_path / "compiled"
    for out, compiles in ((plain, "false"), (compiled, "true")):
        options = {"data.train": token_shards / "train", "data.tokens_per_batch": 200, "data.workers": 0, "out": out}
        options |= {"model.width": 32, "model.depth": 1, "model.decoder_depth": 1, "model.heads": 2}
        options |= {"trainer.max_steps": STEPS, "trainer.log_every": 1, "trainer.compile": compiles}
        asked = [f"--{name}={value}" for name, value in options.items()]
        subprocess.run([sys.executable, "-m", "foundation", "train", *asked], check=True, timeout=600)
    torch.testing.assert_close(losses(curves(compiled)), losses(curves(plain)), rtol=1e-4, atol=1e-4)


def test_bfloat16_follows_the_curve_with_weights_in_float32(curves, token_shards, tiny_run, unbroken, tmp_path):
    tiny_run(token_shards, tmp_path, precision="bf16-mixed")
    torch.testing.assert_close(losses(curves(tmp_path)), losses(curves(unbroken)), rtol=0.03, atol=0.03)
    checkpoint = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    moments = [v for s in checkpoint["optimizer_states"] for p in s["state"].values() for v in p.values()]
    weights = [*checkpoint["state_dict"].values(), *load_file(tmp_path / "export" / "model.safetensors").values()]
    assert {x.dtype for x in [*weights, *moments] if torch.is_tensor(x) and x.is_floating_point()} == {torch.float32}
