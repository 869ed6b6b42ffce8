"""The verb from end to end: it learns, its options come from YAML and the command line, its export is the model."""

import csv
import math
from pathlib import Path

import pytest
import torch
import yaml

from foundation.__main__ import main
from foundation.batch import pack
from foundation.config import DataConfig, OptimConfig
from foundation.data.shards import TokenShards
from foundation.errors import FoundationError
from foundation.masking.budget import RandomBudget
from foundation.model.pretrained import FoundationModel
from foundation.training import train as verb
from foundation.training.checkpoint import read
from foundation.training.export import export, rebuild

YAML = """
data: {tokens_per_batch: 200, window: 32, workers: 0}
model: {width: 32, depth: 1, decoder_depth: 0, heads: 2}
policy:
  class_path: RandomBudget
  init_args: {given: [4, 8], asked: 4}
optim: {peak_rate: 0.005, space_weight: {image: 2.0}}
trainer: {max_steps: 3, accelerator: cpu, tensorboard: false}
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(YAML)
    return path


def run(config, token_shards, out, *more):
    return main(["train", "--config", str(config), f"--data.train={token_shards / 'train'}", f"--out={out}", *more])


def column(out, name):
    with (out / "metrics.csv").open(newline="") as file:
        return [float(row[name]) for row in csv.DictReader(file) if row.get(name)]


def test_a_tiny_run_learns(token_shards, tiny_run, tmp_path):
    lengths = {"max_steps": 120, "validate_every": 120, "checkpoint_every": 120, "log_every": 10}
    tiny_run(token_shards, tmp_path, optim=OptimConfig(peak_rate=1e-2), **lengths)
    for space, start in (("image", math.log(12)), ("redshift", math.log(12)), ("spectrum", 1.0)):
        assert column(tmp_path, f"validation/loss_{space}")[-1] < 0.5 * start, space
    assert column(tmp_path, "train/tokens_per_second")[-1] > 0
    assert 0 <= column(tmp_path, "train/data_wait")[-1] < 1


def test_logged_loss_is_that_of_the_weights(unbroken, token_shards):
    """The last validation against the mean over all held-out targets, computed from the checkpoint of that step."""
    content = read(unbroken / "checkpoints" / "best.ckpt")
    model, policy = rebuild(content).eval(), RandomBudget(given=6, asked=4)
    assert content["global_step"] == 12
    stream = verb.FoundationDataModule(_data(token_shards), policy, 0, 1)
    losses = {s.name: [] for s in model.spaces}
    with torch.no_grad():
        for batch in stream.val_dataloader():
            states = model(batch)
            for space in model.spaces:
                rows = [i for i in batch.query_rows.tolist() if batch.space[i] == model.spaces.index(space)]
                out = model.heads.outputs(space.name, states[rows])
                losses[space.name] += _losses(out, batch, rows, space)
    for name, values in losses.items():
        assert column(unbroken, f"validation/loss_{name}")[-1] == pytest.approx(sum(values) / len(values), rel=1e-5)
    means = [sum(v) / len(v) for v in losses.values()]
    assert column(unbroken, "validation/loss")[-1] == pytest.approx(sum(means) / 3, rel=1e-5)


def _data(token_shards):
    return DataConfig(token_shards / "train", token_shards / "validation", (), 200, 32, 0)


def _losses(out, batch, rows, space):
    ids = batch.ids[rows]
    if space.discrete:
        return torch.nn.functional.cross_entropy(out, ids, reduction="none").tolist()
    mean, log_scale = out.chunk(2, -1)
    value = batch.vectors[space.name][ids]
    nll = torch.nn.functional.gaussian_nll_loss(mean, value, (2 * log_scale).exp(), full=True, reduction="none")
    return nll.mean(-1).tolist()


def test_command_line_over_yaml_over_defaults(config, token_shards, tmp_path):
    out = tmp_path / "run"
    assert run(config, token_shards, out, "--model.width=16", "--policy.asked=2", "--trainer.max_steps=2") == 0
    saved = yaml.safe_load((out / "config.yaml").read_text())
    assert (saved["model"]["width"], saved["model"]["depth"], saved["model"]["mlp_ratio"]) == (16, 1, 4.0)
    assert saved["policy"]["init_args"]["given"] == [4, 8]
    assert saved["policy"]["init_args"]["asked"] == 2
    assert saved["optim"]["space_weight"] == {"image": 2.0}
    again = tmp_path / "again"
    assert main(["train", "--config", str(out / "config.yaml"), f"--out={again}"]) == 0
    repeated = yaml.safe_load((again / "config.yaml").read_text())
    assert repeated == saved
    weights = [read(o / "checkpoints" / "last.ckpt")["state_dict"] for o in (out, again)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_policies_are_named_by_their_class_alone(config, token_shards, tmp_path):
    mixture = """
      class_path: Mixture
      init_args:
        policies:
          - {class_path: RandomBudget, init_args: {given: 4, asked: 4}}
          - {class_path: Completion, init_args: {asked: [redshift], given: [image]}}
        weights: [1, 2]
    """
    config.write_text(yaml.safe_dump(yaml.safe_load(YAML) | {"policy": yaml.safe_load(mixture)}))
    out = tmp_path / "run"
    assert run(config, token_shards, out, "--trainer.max_steps=2") == 0
    policy = yaml.safe_load((out / "config.yaml").read_text())["policy"]
    assert [p["class_path"].split(".")[-1] for p in policy["init_args"]["policies"]] == ["RandomBudget", "Completion"]
    assert policy["init_args"]["policies"][1]["init_args"] == {"asked": ["redshift"], "given": ["image"]}


@pytest.mark.parametrize(
    "wrong", ["--model.widht=16", "--trainer.steps=3", "--policy.givn=3", "--polices=RandomBudget"]
)
def test_unknown_option_is_an_error(wrong, config, token_shards, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        run(config, token_shards, tmp_path / "run", wrong)
    assert stop.value.code == 2
    assert wrong.strip("-").split("=")[0].split(".")[-1] in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("option", "word"),
    [
        ("--trainer.extra.gradient_clip=1", "gradient_clip"),
        ("--trainer.extra.max_steps=1", "foundation sets itself"),
        ("--optim.space_weight.galaxy=1", "galaxy"),
        ("--optim.final_rate=1", "final"),
        ("--resume=nowhere.ckpt", "nowhere.ckpt"),
    ],
)
def test_wrong_values_are_one_sentence(option, word, config, token_shards, tmp_path, capsys):
    assert run(config, token_shards, tmp_path / "run", option) == 1
    message = capsys.readouterr().err
    assert word in message
    assert "Traceback" not in message
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_another_configuration_is_not_resumed(config, token_shards, tmp_path, capsys):
    out = tmp_path / "run"
    assert run(config, token_shards, out) == 0
    before = read(out / "checkpoints" / "last.ckpt")
    for change in ("--model.heads=4", "--policy.asked=3", "--data.window=64", "--seed=5"):
        assert run(config, token_shards, out, "--resume=auto", change) == 1
        name, _, value = change.removeprefix("--").partition("=")
        message = capsys.readouterr().err
        assert name.split(".")[-1] in message
        assert value in message
    assert run(config, token_shards, out, "--resume=auto", "--trainer.max_steps=5", "--data.workers=1") == 0
    after = read(out / "checkpoints" / "last.ckpt")
    assert (before["global_step"], after["global_step"]) == (3, 5)


def test_shards_of_other_bytes_are_not_resumed(config, token_shards, tmp_path, capsys):
    out = tmp_path / "run"
    assert run(config, token_shards, out) == 0
    assert run(config, token_shards, out, "--resume=auto", f"--data.train={token_shards / 'validation'}") == 1
    assert TokenShards(token_shards / "validation").manifest.fingerprint in capsys.readouterr().err


def test_exported_model_is_the_trained_one(unbroken, token_shards, tmp_path):
    last = unbroken / "checkpoints" / "last.ckpt"
    export(last, out=tmp_path / "export")
    content = read(last)
    trained = {k.removeprefix("model."): v for k, v in content["state_dict"].items()}
    samples = list(TokenShards(token_shards / "validation"))[:4]
    reveal = [torch.arange(len(s.tokens)) % 3 for s in samples]
    batch = pack(
        [(s.tokens, r) for s, r in zip(samples, reveal, strict=True)], TokenShards(token_shards / "train").spaces
    )
    logits = []
    for directory in (unbroken / "export", tmp_path / "export"):
        model = FoundationModel.from_pretrained(directory)
        assert model.state_dict().keys() == trained.keys()
        assert all(torch.equal(v, trained[k]) for k, v in model.state_dict().items())
        logits.append(model.predict(model(batch), batch)["image"].distribution.logits)
        assert (directory / "training.yaml").is_file()
    assert torch.equal(*logits)


def test_export_of_a_run_takes_its_last_checkpoint(unbroken, tmp_path):
    export(unbroken, out=tmp_path / "export")
    one, other = (Path(d) / "model.safetensors" for d in (unbroken / "export", tmp_path / "export"))
    assert one.read_bytes() == other.read_bytes()


def test_export_refuses_what_is_no_checkpoint(tmp_path):
    with pytest.raises(FoundationError, match="no whole checkpoint"):
        export(tmp_path, out=tmp_path / "export")
    torch.save({"state_dict": {}}, tmp_path / "other.ckpt")
    with pytest.raises(FoundationError, match="not a checkpoint of `foundation train`"):
        export(tmp_path / "other.ckpt", out=tmp_path / "export")
    assert not (tmp_path / "export").exists()


def test_help_has_an_example_and_the_policies(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    text = capsys.readouterr().out
    assert "foundation train --config" in text
    assert "RandomBudget" in text
    assert "--trainer.max_steps" in text
