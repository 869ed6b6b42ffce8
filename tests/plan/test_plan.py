"""Plan: what is predicted for small models is what they take; every kind of training can be planned."""

import gc
import json
import multiprocessing
import resource
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch
from torch.utils.data import DataLoader

from foundation.__main__ import main
from foundation.config import DataConfig, ModelConfig, OptimConfig
from foundation.masking import RandomBudget
from foundation.model.anchored.config import AnchoredConfig
from foundation.model.anchored.transformer import AnchoredTransformer
from foundation.model.fields.config import FieldModelConfig
from foundation.plan import fields, tokens
from foundation.plan.demand import demand
from foundation.plan.fields import Assumed, Grid
from foundation.plan.memory import memory
from foundation.training.fields.config import FieldDataConfig, FieldSet
from foundation.training.fields.objective import FieldObjective
from foundation.training.trainer import TrainerConfig

TOLERANCE = 0.2  # of the memory that a run takes, beside what libraries load
IMAGE = {"image": (100, 60), "redshift": (16, 1)}


def token_job(width=64, budget=1024, precision="32-true", recompute=False, depths=(2, 2)):
    return tokens.job(
        {
            "model": ModelConfig(width=width, depth=depths[0], decoder_depth=depths[1], heads=width // 32),
            "data": DataConfig("unused", tokens_per_batch=budget),
            "policy": RandomBudget(40, 20),
            "optim": OptimConfig(),
            "trainer": TrainerConfig(max_steps=3, precision=precision, recompute=recompute),
            "assume": IMAGE,
            "seed": 0,
        }
    )


class Told(pl.Callback):
    def on_train_batch_start(self, trainer, module, batch, number):
        module.expect([batch])


def fit(module, batches):
    options = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    options |= {"enable_model_summary": False, "accelerator": "cpu", "devices": 1}
    pl.Trainer(max_steps=len(batches), callbacks=[Told()], **options).fit(module, DataLoader(batches, batch_size=None))


def measured(job, small, queue):
    """Most memory of this process while it trains, over what it had after training something small."""
    fit(small.build(small.model), small.batches[:1])
    gc.collect()
    before = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    fit(job.build(job.model), [*job.batches] * 2)
    queue.put(1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read as Linux tells it")
def test_predicted_memory_is_what_training_takes():
    job = token_job(width=256, budget=4096, depths=(4, 2))
    predicted = memory(demand(job), "ddp", 1)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=measured, args=(job, token_job(), queue))
    process.start()
    taken = queue.get(timeout=120)
    process.join()
    assert predicted.states + predicted.activations == pytest.approx(taken, rel=TOLERANCE)


@pytest.mark.filterwarnings("ignore")
def test_memory_of_a_deep_model_follows_from_shallow_ones():
    deep, direct = token_job(depths=(4, 3)), token_job(depths=(1, 1))
    grown = demand(deep).activations - demand(direct).activations
    each = [demand(token_job(depths=d)).activations - demand(direct).activations for d in ((2, 1), (1, 2))]
    assert grown == pytest.approx(3 * each[0] + 2 * each[1], rel=0.02)


@pytest.mark.filterwarnings("ignore")
def test_recomputing_keeps_less_and_bigger_batches_keep_more():
    plain = demand(token_job(depths=(4, 4)))
    assert demand(token_job(depths=(4, 4), recompute=True)).activations < 0.6 * plain.activations
    assert demand(token_job(depths=(4, 4), budget=4096)).activations == pytest.approx(4 * plain.activations, rel=0.15)


def test_parameters_are_those_of_the_released_models():
    options = {
        "model": FieldModelConfig(jitter=True),
        "network": "transformer",
        "data": FieldDataConfig({"x": FieldSet(Path("unused"))}),
        "assume": Assumed(64, (Grid((8, 8), 2),)),
        "optim": OptimConfig(),
        "trainer": TrainerConfig(),
        "objective": FieldObjective(),
    }
    job = fields.job(options)
    with torch.device("meta"):
        walrus = job.build(job.model)
        rnabang = AnchoredTransformer(AnchoredConfig())
    assert sum(p.numel() for p in walrus.parameters()) == 1_286_199_047  # arXiv:2511.15684
    assert sum(p.numel() for p in rnabang.parameters()) == 14_530_161  # arXiv:2502.21274


@pytest.mark.filterwarnings("ignore")
def test_the_command_reads_a_training_config_and_prints_a_plan(tmp_path, capsys):
    config = tmp_path / "config.yaml"
    config.write_text(
        "model: {width: 32, depth: 2, decoder_depth: 1, heads: 2}\n"
        "data: {train: unused, tokens_per_batch: 512}\n"
        "trainer: {max_steps: 100, precision: bf16-mixed, accumulate: 2}\n"
        "assume: {image: [100, 30], redshift: [16, 1]}\n"
    )
    out = tmp_path / "plan.json"
    arguments = ["--config", str(config), "--gpus", "[1, 16]", "--out", str(out), "--markdown", "--policy.given", "8"]
    assert main(["plan", *arguments]) == 0
    said = capsys.readouterr().out
    assert "| parameters | " in said and "| MFU before communication | 35% | assumption |" in said
    plan = json.loads(out.read_text())
    assert [row["gpus"] for row in plan["rows"]] == [1, 16]
    assert plan["rows"][0]["flops"] == pytest.approx(200 * plan["demand"]["flops"])


def test_what_cannot_be_planned_is_one_sentence(capsys):
    options = ["--data.train", "unused", "--assume", "{image: [10, 5]}"]
    assert main(["plan", *options, "--gpus", "0"]) == 1
    assert "--gpus [0]" in capsys.readouterr().err
    assert main(["plan", *options, "--strategies", "[zero9]"]) == 1
    assert "there are ddp, zero1, zero2, zero3, fsdp" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "module"),
    [
        ("data: {sets: {a: {train: nowhere}}}", "fields"),
        ("data: {train: nowhere, patches_per_batch: 64}", "spectra"),
        ("system: anchored\ndata: {train: nowhere}", "anchored"),
        ("model: {width: 64}", "tokens"),
    ],
)
def test_a_config_says_which_training_it_is_for(tmp_path, monkeypatch, text, module):
    (tmp_path / "config.yaml").write_text(text)
    called = []
    monkeypatch.setattr("foundation.cli.call", lambda function, arguments, name: called.append(function.__module__))
    assert main(["plan", "--gpus", "8", "--config", str(tmp_path / "config.yaml")]) == 0
    assert called == [f"foundation.training.{'' if module == 'tokens' else module + '.'}train"]
