"""Plan: what is predicted for small models is what they take; every kind of training can be planned."""

import json
from pathlib import Path

import pytest
import torch

from foundation.__main__ import main
from foundation.config import OptimConfig
from foundation.model.anchored.config import AnchoredConfig
from foundation.model.anchored.transformer import AnchoredTransformer
from foundation.model.fields.config import FieldModelConfig
from foundation.plan import fields
from foundation.plan.benchmark import STATISTICS, taken, token_job
from foundation.plan.demand import demand
from foundation.plan.fields import Assumed, Grid
from foundation.plan.memory import memory
from foundation.training.fields.config import FieldDataConfig, FieldSet
from foundation.training.fields.objective import FieldObjective
from foundation.training.trainer import TrainerConfig

TOLERANCE = 0.2  # of the memory that a run takes, beside what libraries load


@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(not STATISTICS.exists(), reason="memory is read as Linux tells it")
def test_predicted_memory_is_what_training_takes():
    job = token_job(256, (4, 2), 8192)
    predicted = memory(demand(job), "ddp", 1)
    assert predicted.states + predicted.activations == pytest.approx(taken(job), rel=TOLERANCE)


@pytest.mark.filterwarnings("ignore")
def test_memory_of_a_deep_model_follows_from_shallow_ones():
    deep, direct = token_job(64, (4, 3), 1024), token_job(64, (1, 1), 1024)
    grown = demand(deep).activations - demand(direct).activations
    each = [demand(token_job(64, d, 1024)).activations - demand(direct).activations for d in ((2, 1), (1, 2))]
    assert grown == pytest.approx(3 * each[0] + 2 * each[1], rel=0.02)


@pytest.mark.filterwarnings("ignore")
def test_recomputing_keeps_less_and_bigger_batches_keep_more():
    plain = demand(token_job(64, (4, 4), 1024)).activations
    assert demand(token_job(64, (4, 4), 1024, recompute=True)).activations < 0.6 * plain
    assert demand(token_job(64, (4, 4), 4096)).activations == pytest.approx(4 * plain, rel=0.15)


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
        ("system: tracks\ndata: {train: nowhere}", "tracks"),
        ("model: {width: 64}", "tokens"),
    ],
)
def test_a_config_says_which_training_it_is_for(tmp_path, monkeypatch, text, module):
    (tmp_path / "config.yaml").write_text(text)
    called = []
    monkeypatch.setattr("foundation.cli.call", lambda function, arguments, name: called.append(function.__module__))
    assert main(["plan", "--gpus", "8", "--config", str(tmp_path / "config.yaml")]) == 0
    assert called == [f"foundation.training.{'' if module == 'tokens' else module + '.'}train"]
