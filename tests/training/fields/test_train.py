"""The fields verbs from end to end: a mix of planes and solids is learned, resumed, exported, scored and finetuned."""

import csv
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml

from foundation.__main__ import main
from foundation.config import OptimConfig
from foundation.data.fields.batch import FieldBatch
from foundation.data.fields.record import PERIODIC, Field
from foundation.data.fields.writer import write_well
from foundation.errors import FoundationError
from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.pretrained import FieldModel
from foundation.model.fields.rollout import rollout
from foundation.model.fields.stored_unet import FieldUNet, load_network
from foundation.model.fields.transformer import FieldTransformer
from foundation.training.checkpoint import read
from foundation.training.fields.module import FieldModule
from foundation.training.fields.objective import FieldObjective, increment_loss, pushed

YAML = """
data:
  sets:
    plane: {train: data/plane.hdf5, validation: data/plane.hdf5}
    solid: {train: data/solid.hdf5, validation: data/solid.hdf5, share: 0.5}
  frames: [3, 2]
  stride: [1, 2]
  validation_windows: 2
  workers: 0
model: {width: 16, depth: 1, heads: 2, hidden: 16, inner: 4, frequencies: 1, tokens: [4, 4, 4]}
optim: {peak_rate: 0.003}
trainer: {max_steps: 4, accelerator: cpu, tensorboard: false, log_every: 1, checkpoint_every: 2, validate_every: 2}
"""


def wave(axes, name, seed, frames=16):
    """A hump that moves on a ring by one point a frame, beside a constant field."""
    space = (16, 16, 8)[:axes]
    rng = np.random.default_rng(seed)
    first = np.sin(2 * np.pi * (np.arange(16) / 16 + rng.random())).reshape(-1, *[1] * (axes - 1)) + np.zeros(space)
    moving = np.stack([np.roll(first, t, 0) for t in range(frames)])
    values = np.stack([moving, np.ones_like(moving)], 1).astype("f4")
    return Field(
        values, (name, "depth"), (False, True), np.ones(axes), (PERIODIC,) * axes, np.arange(frames) * 0.1, dataset=name
    )


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    write_well([wave(2, "tracer", s) for s in range(3)], tmp_path / "data" / "plane.hdf5")
    write_well([wave(3, "height", s) for s in range(3)], tmp_path / "data" / "solid.hdf5")
    (tmp_path / "c.yaml").write_text(YAML)
    return lambda out, *more: main(["fields", "train", "--config", "c.yaml", "--out", out, *more])


def find(content, name):
    """What is stored under a name, at any depth."""
    if isinstance(content, dict):
        if name in content:
            return content[name]
        return next((x for x in (find(c, name) for c in content.values()) if x is not None), None)
    if isinstance(content, list):
        return next((x for x in (find(c, name) for c in content) if x is not None), None)
    return None


def losses(out):
    with (out / "metrics.csv").open(newline="") as file:
        return [row["train/loss"] for row in csv.DictReader(file) if row["train/loss"]]


def test_the_loss_by_hand():
    sizes = yaml.safe_load(YAML)["model"] | {"tokens": (4, 4, 4)}
    model = FieldTransformer(FieldModelConfig(**sizes), ["tracer", "depth"])
    with torch.no_grad():
        for decoder in model.decoders.values():
            decoder.proj2.zero_()
            decoder.bias2.zero_()
    batch = FieldBatch.of([wave(2, "tracer", 0, frames=4)], "plane")
    values = batch.values[0, :, 0, :, :, 0].double()
    scale = values[:3].diff(dim=0).square().mean().sqrt()
    assert increment_loss(model, batch).item() == pytest.approx((values.diff(dim=0)[1:].abs() / scale).mean().item())
    half = torch.arange(16) < 8
    hidden = replace(batch, valid=half.view(1, 16, 1, 1).expand(1, 16, 16, 1))
    expected = (values.diff(dim=0)[1:, half].abs() / scale).mean().item()
    assert increment_loss(model, hidden).item() == pytest.approx(expected)


def test_a_pushed_window_asks_for_the_way_back():
    """The frame that is shown last is the model's own, and the increment to predict leads from there to the truth."""
    sizes = yaml.safe_load(YAML)["model"] | {"tokens": (4, 4, 4)}
    model = FieldTransformer(FieldModelConfig(**sizes), ["tracer", "depth"])
    batch = FieldBatch.of([wave(2, "tracer", 0, frames=5)], "plane")
    batch = replace(batch, valid=(torch.arange(16) < 8).view(1, 16, 1, 1).expand(1, 16, 16, 1))
    context = pushed(model, batch)
    shown = batch.values[:, :3]
    rolled = rollout(model, shown, batch.names, batch.boundary, 1, constant=("depth",))
    assert torch.equal(context[:, :3], shown)
    torch.testing.assert_close(context[:, 3, :, :8], rolled[:, 0, :, :8])
    assert torch.equal(context[:, 3, :, 8:], batch.values[:, 3, :, 8:])  # an obstacle stays as it is
    scales = model.scales(context)
    with torch.no_grad():
        out = model(context, batch.names, batch.boundary)
    error = ((out - (batch.values[:, 1:] - context) / scales.increment)[:, 1:, 0, :8]).abs().mean()
    torch.testing.assert_close(increment_loss(model, batch, push=True).detach(), error)
    assert not torch.isclose(increment_loss(model, batch), error)


def test_ranks_push_together():
    model = FieldTransformer(FieldModelConfig(**yaml.safe_load(YAML)["model"] | {"tokens": (4, 4, 4)}), ["tracer"])
    modules = [FieldModule(model, OptimConfig(), 9, (), FieldObjective(push=0.5), seed) for seed in (0, 0, 1)]
    drawn = [[m._is_pushed(i) for i in range(64)] for m in modules]
    assert drawn[0] == drawn[1] != drawn[2] and 16 < sum(drawn[0]) < 48
    with pytest.raises(FoundationError, match="share of the micro-batches from 0 to 1"):
        FieldObjective(push=1.5)


def test_a_mix_is_learned(run, tmp_path):
    assert run("run", "--trainer.max_steps=60", "--trainer.validate_every=60", "--optim.peak_rate=0.01") == 0
    with (tmp_path / "run" / "metrics.csv").open(newline="") as file:
        last = [row for row in csv.DictReader(file) if row["validation/loss"]][-1]
    assert float(last["validation/loss_plane"]) < 0.6 and float(last["validation/loss_solid"]) < 0.6  # 0.9 at first
    assert float(last["train/tokens_per_second"] or 1) > 0


def test_costs_are_learned_on_the_way(run, tmp_path):
    """Both sets are timed, the solid one costs more, and what was learned is in the checkpoint."""
    assert run("run", "--data.calibrate_every=4", "--trainer.max_steps=12", "--trainer.validate_every=12") == 0
    stored = read(tmp_path / "run" / "checkpoints" / "last.ckpt")
    (known, before), (step, costs) = find(stored["loops"], "costs")
    assert (known, step) == (12, 16) and min(*before, *costs) > 0
    assert max(costs) < 5  # seconds now, and operations at first


def test_two_ranks_train_the_mix(run, tmp_path):
    """Real processes over gloo: they agree on costs, and the checkpoint of step 2 goes on with both, and with one."""
    more = "--trainer.strategy=ddp --data.calibrate_every=2 --trainer.log_every=1"
    verb = [sys.executable, "-m", "foundation", "fields", "train", "--config", "c.yaml", "--out", "both"]
    for ranks, micro_batches in ((2, 8), (2, 8), (1, 6)):
        begun = [*verb, *more.split(), "--trainer.devices", str(ranks), "--resume", "auto"]
        done = subprocess.run(begun, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-3000:]
        stored = read(tmp_path / "both" / "checkpoints" / "last.ckpt")
        assert stored["global_step"] == 4 and sum(find(stored["loops"], "taken")) == micro_batches
        assert [step for step, _ in find(stored["loops"], "costs")] == [4, 6]
        for path in (tmp_path / "both" / "checkpoints").glob("*step=4*"):
            path.unlink()
        (tmp_path / "both" / "checkpoints" / "last.ckpt").unlink()
    assert len(losses(tmp_path / "both")) == 4


def test_a_push_without_room_for_it_is_refused_at_once(run, capsys):
    assert run("run", "--objective.push=0.5", "--data.frames=[2, 3]") == 1
    assert "Show 3 or more" in capsys.readouterr().err


def test_resumed_equals_never_stopped(run, tmp_path):
    assert run("whole") == 0
    assert run("cut", "--trainer.max_steps=4") == 0
    for path in (tmp_path / "cut" / "checkpoints").glob("*step=4*"):
        path.unlink()
    (tmp_path / "cut" / "checkpoints" / "last.ckpt").unlink()
    assert run("cut", "--resume", "auto") == 0
    assert losses(tmp_path / "whole") == losses(tmp_path / "cut")
    ends = [read(tmp_path / name / "checkpoints" / "last.ckpt")["state_dict"] for name in ("whole", "cut")]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_the_export_is_scored_and_finetuned(run, tmp_path, capsys):
    assert run("run") == 0
    export = tmp_path / "run" / "export"
    model = FieldModel.from_pretrained(export)
    assert model.names == ("tracer", "depth", "height")
    sets = "{plane: data/plane.hdf5, solid: data/solid.hdf5}"
    options = ["--sets", sets, "--out", "scored", "--frames", "[3, 2]", "--steps", "5", "--trajectories", "2"]
    assert main(["fields", "evaluate", str(export), *options]) == 0
    results = json.loads((tmp_path / "scored" / "results.json").read_text())
    assert set(results) == {"plane", "solid"} and results["solid"]["context"] == 2
    assert set(results["plane"]["vrmse"]) == {"model", "model, no jitter", "persistence", "linear"}
    assert "VRMSE one step ahead" in capsys.readouterr().err
    assert "<img" in (tmp_path / "scored" / "report.html").read_text()
    steering = [f"--{regime}=data/plane.hdf5" for regime in ("toward", "on")]
    write_well([wave(2, "tracer", s + 9) for s in range(3)], tmp_path / "data" / "other.hdf5")
    steering += ["--away=data/other.hdf5", "--out=steered", "--frames=3", "--steps=4", "--windows=4"]
    assert main(["fields", "steer", str(export), *steering]) == 0
    steered = json.loads((tmp_path / "steered" / "results.json").read_text())["rolled out"]
    assert steered["plain"] != steered["steered"] != steered["random"]
    assert {p.name for p in (tmp_path / "steered").iterdir()} == {
        "direction.safetensors", "tracer.gif", "results.json",
    }  # fmt: skip
    write_well([wave(2, "pressure", s) for s in range(3)], tmp_path / "data" / "plane.hdf5")
    assert run("tuned", "--start", str(export), "--trainer.max_steps=2") == 0
    assert FieldModel.from_pretrained(tmp_path / "tuned" / "export").names == ("tracer", "depth", "height", "pressure")


def test_a_unet_is_trained_alike(run, tmp_path):
    unet = ["--network=unet", "--unet.channels=[8, 8]"]
    assert run("unet", *unet, "--trainer.max_steps=80", "--trainer.validate_every=80", "--optim.peak_rate=0.01") == 0
    with (tmp_path / "unet" / "metrics.csv").open(newline="") as file:
        last = [row for row in csv.DictReader(file) if row["validation/loss"]][-1]
    assert float(last["validation/loss_plane"]) < 0.6 and float(last["validation/loss_solid"]) < 0.6
    model = load_network(tmp_path / "unet" / "export")
    assert isinstance(model, FieldUNet) and model.names == ("tracer", "depth", "height")
    assert model.config.channels == (8, 8)
    assert run("run") == 0
    scored = ["--sets", "{plane: data/plane.hdf5}", "--out", "scored", "--frames", "[3, 2]", "--steps=3"]
    scored += ["--trajectories=1", "--against", "{unet: unet/export}"]
    assert main(["fields", "evaluate", "run/export", *scored]) == 0
    vrmse = json.loads((tmp_path / "scored" / "results.json").read_text())["plane"]["vrmse"]
    assert set(vrmse) == {"model", "model, no jitter", "unet", "persistence", "linear"}
    assert vrmse["unet"]["1"] < vrmse["persistence"]["1"]  # it has learned, the other not yet
    assert main(["fields", "evaluate", "run/export", *scored[:-1], "{linear: unet/export}"]) == 1


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--network=unet", "--objective.kind=latent"], "UNet has no tokens"),
        (["--network=unet", "--start=export"], "train U-Nets from scratch"),
        (
            ["--objective={kind: latent, latent: {guard: average}}", "--trainer.strategy=zero3"],
            "leaves no whole weights to average",
        ),
        (["--data.sets={}"], "No data set"),
        (["--data.frames=[1, 2]"], "Show 2 or more frames"),
        (["--data.frames=[40, 2]"], "too few for windows"),
        (["--data.sets={plane: {train: data/none.hdf5}}"], "none.hdf5"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence(run, more, says, capsys):
    try:
        status = run("run", *more)
    except SystemExit as stop:
        status = stop.code
    assert status != 0 and says in capsys.readouterr().err
