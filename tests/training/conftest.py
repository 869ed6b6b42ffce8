"""Token shards small enough to train on in a test, a tiny run on them, and a record of every batch of it."""

import csv
import hashlib
import json
import os
from dataclasses import replace
from functools import partial
from unittest import mock

import pytest
import torch
from lightning.pytorch.callbacks import Callback
from safetensors.torch import load_file

from foundation.config import DataConfig, ModelConfig, OptimConfig
from foundation.data.shards import TokenSample, write_tokens
from foundation.masking.budget import RandomBudget
from foundation.tokens import Axis, Space, Tokens, concatenate
from foundation.training import run as life
from foundation.training import train as verb
from foundation.training.trainer import TrainerConfig, build_trainer

SIZE = 12
SPACES = (
    Space("image", "discrete", SIZE, (Axis("x", "arcsec", 0.0, 7.0, 1.0),)),
    Space("redshift", "discrete", SIZE),
    Space("spectrum", "continuous", 3, (Axis("wavelength", "Angstrom", 0.0, 4.0, 1.0),)),
)
TINY = TrainerConfig(
    max_steps=16, accelerator="cpu", log_every=1, checkpoint_every=4, validate_every=6, keep_last=2, tensorboard=False
)


FAST = OptimConfig(peak_rate=5e-3)


def tiny_sample(index):
    """A redshift, four spectrum and eight image tokens, all functions of one code; every third lacks the image."""
    generator = torch.Generator().manual_seed(index)
    code = torch.randint(SIZE, (1,), generator=generator)
    noise = 0.05 * torch.randn(4, 3, generator=generator)
    parts = [
        Tokens.of_space(SPACES[1], code),
        Tokens.of_space(SPACES[2], code / SIZE + noise, torch.arange(4.0, dtype=torch.float64)[:, None]),
    ]
    if index % 3:
        pixels = code.expand(8)
        parts.append(Tokens.of_space(SPACES[0], pixels, torch.arange(8.0, dtype=torch.float64)[:, None]))
    return TokenSample(f"object-{index}", concatenate(parts), {"class": "GALAXY"})


@pytest.fixture(scope="session")
def token_shards(tmp_path_factory):
    """Directory with the shards `train` and `validation`, made by tokenizers of fingerprint 0123456789ab."""
    out = tmp_path_factory.mktemp("tokens")
    for name, first, count in (("train", 0, 240), ("validation", 1000, 40)):
        samples = (tiny_sample(i) for i in range(first, first + count))
        write_tokens(samples, out / name, SPACES, "0123456789ab", total=count, samples_per_member=8)
    return out


class Recorder(Callback):
    """Appends to `batches-RANK.jsonl` the step, exact loss and digest of every micro-batch; may end the run."""

    def __init__(self, out, stop_at=None, stop=None):
        self.path = out / f"batches-{os.environ.get('LOCAL_RANK', 0)}.jsonl"
        self.stop_at, self.stop = stop_at, stop

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        content = [batch.ids, batch.code, batch.offsets, batch.position, *batch.vectors.values()]
        digest = hashlib.sha256(b"".join(t.numpy().tobytes() for t in content)).hexdigest()
        row = {"step": trainer.global_step, "loss": float(outputs["loss"]).hex(), "batch": digest}
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        if self.stop is not None and trainer.global_step == self.stop_at:
            self.stop()


def _with(recorder, trainer, optim, out, validates, first_step, callbacks):
    return build_trainer(trainer, optim, out, validates, first_step, [*callbacks, recorder])


def train_tiny(shards, out, workers=0, resume=None, stop_at=None, stop=None, optim=FAST, **trainer):
    """`foundation train` on the tiny shards, with a Recorder; what is in `trainer` overrides TINY."""
    recorder = Recorder(out, stop_at, stop)
    with mock.patch.object(life, "build_trainer", partial(_with, recorder)):
        verb.train(
            data=DataConfig(
                shards / "train", shards / "validation", (), tokens_per_batch=200, window=32, workers=workers
            ),
            out=out,
            model=ModelConfig(width=32, depth=1, decoder_depth=1, heads=2),
            policy=RandomBudget(given=6, asked=4),
            optim=optim,
            trainer=replace(TINY, **trainer),
            resume=resume,
        )


@pytest.fixture(scope="session")
def tiny_run():
    """The function `train_tiny`."""
    return train_tiny


@pytest.fixture(scope="session")
def unbroken(token_shards, tmp_path_factory):
    """Directory of a tiny run that was never stopped."""
    out = tmp_path_factory.mktemp("unbroken")
    train_tiny(token_shards, out)
    return out


CLOCKS = ("per_second", "data_wait", "peak_gib", "imbalance")  # the only columns that may differ


def batches_of(out, rank=0):
    """The last record of each step; a resumed run does the steps after its checkpoint again."""
    rows = [json.loads(line) for line in (out / f"batches-{rank}.jsonl").read_text().splitlines()]
    by_step = {}
    for row in rows:
        earlier = by_step.setdefault(row["step"], row)
        assert earlier == row, f"step {row['step']} was done twice and differently"
    return [by_step[step] for step in sorted(by_step)]


def curves_of(out):
    with (out / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if v and not any(c in k for c in CLOCKS)} for row in rows]


@pytest.fixture(scope="session")
def batches():
    """The function `batches_of`."""
    return batches_of


@pytest.fixture(scope="session")
def curves():
    """The function `curves_of`."""
    return curves_of


@pytest.fixture(scope="session")
def assert_same_run():
    """A function of two run directories: the same batches, curves and weights, bit for bit."""

    def check(one, other, ranks=1):
        for rank in range(ranks):
            assert batches_of(one, rank) == batches_of(other, rank)
        assert curves_of(one) == curves_of(other)
        weights, others = (load_file(out / "export" / "model.safetensors") for out in (one, other))
        assert weights.keys() == others.keys()
        assert all(torch.equal(weights[name], others[name]) for name in weights)

    return check
