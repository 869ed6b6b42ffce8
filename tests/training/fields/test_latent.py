"""Latent prediction: collapse costs, gradients go where they should, both guards train, resume and export."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from foundation.__main__ import main
from foundation.config import OptimConfig
from foundation.data.fields.batch import FieldBatch
from foundation.data.fields.record import PERIODIC, WALLS, Field
from foundation.data.fields.writer import write_well
from foundation.errors import FoundationError
from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.pretrained import FieldModel
from foundation.model.fields.rollout import rollout
from foundation.model.fields.transformer import FieldTransformer
from foundation.model.fields.unet import UNet
from foundation.model.fields.unet_config import UNetConfig
from foundation.training.checkpoint import read
from foundation.training.fields.latent import LatentConfig, LatentPrediction, LatentTerms
from foundation.training.fields.module import FieldModule
from foundation.training.fields.objective import FieldObjective

SIZES = FieldModelConfig(width=16, depth=2, heads=2, hidden=16, inner=4, frequencies=1, tokens=(4, 4, 4))
NAMES = ("tracer", "depth")
YAML = """
data: {sets: {plane: {train: plane.hdf5, validation: plane.hdf5}}, frames: [4, 2], stride: [1, 1], workers: 0}
model: {width: 16, depth: 1, heads: 2, hidden: 16, inner: 4, frequencies: 1, tokens: [4, 4, 4]}
optim: {peak_rate: 0.003}
trainer: {max_steps: 4, accelerator: cpu, tensorboard: false, log_every: 1, checkpoint_every: 2, validate_every: 2}
"""


def noise(seed, frames=6):
    values = np.random.default_rng(seed).standard_normal((frames, 2, 16, 12)).cumsum(0)
    return Field(values, NAMES, (False, False), np.ones(2), (PERIODIC, WALLS), np.arange(frames), dataset="noise")


def build(**changes):
    torch.manual_seed(1)
    model = FieldTransformer(replace(SIZES, **changes), NAMES)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return model


@pytest.fixture
def batch():
    return FieldBatch.of([noise(0), noise(1)], "noise")


def reference(model, latent, batch, horizon, draws):
    """The terms frame by frame: what each frame's causal tokens tell of the tokens of later frames read alone."""
    values, names, codes = batch.values, batch.names, batch.boundary
    shown, scales = values.shape[1] - horizon, model.scales(values[:, :-horizon])
    setting, view = model.setting(values[:, :-1], names, codes, draws), model.view(values, scales)
    alone = [model.mix(model.embed(view[:, t : t + 1], setting), 1, setting) for t in range(values.shape[1])]
    known = [model.mix(model.embed(view[:, : t + 1], setting), t + 1, setting)[-len(values) :] for t in range(shown)]
    errors, wanted = [], []
    for t in range(1, shown):
        for j, guess in enumerate(latent.predictor(known[t]).chunk(horizon, -1), 1):
            errors.append((guess - alone[t + j]).square())
            wanted.append(alone[t + j])
    sides = [torch.stack(side).flatten(0, -2).double().detach().numpy() for side in (known, wanted)]
    short = [np.clip(1 - np.sqrt(np.var(s, 0, ddof=1) + 1e-4), 0, None).mean() for s in sides]
    moments = [np.cov(s.T) for s in sides]
    cross = [(m**2).sum() - (np.diag(m) ** 2).sum() for m in moments]
    return torch.stack(errors).mean().item(), np.mean(short), np.mean(cross) / SIZES.width


@pytest.mark.parametrize(("horizon", "jitter"), [(1, False), (2, False), (1, True)])
def test_the_terms_frame_by_frame(batch, horizon, jitter):
    """With jitter, its draws are the same for what is known and what is predicted."""
    model = build()
    latent = LatentPrediction(model, LatentConfig(horizon=horizon))
    seeded = [torch.Generator().manual_seed(4) if jitter else None for _ in range(2)]
    terms = latent(model, batch, seeded[0])
    expected = reference(model, latent, batch, horizon, seeded[1])
    found = [terms.prediction.item(), terms.variance.item(), terms.covariance.item()]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert latent.loss(terms).item() == pytest.approx(2 * expected[0] + 40 * expected[1] + 2 * expected[2], rel=1e-4)


def test_tokens_that_are_all_alike_cost_the_whole_variance(batch):
    model = build()
    latent = LatentPrediction(model, LatentConfig())
    healthy = latent(model, batch)
    flat = batch.values[:1, :1, :, :1, :1].expand_as(batch.values)  # nothing to tell one place or frame from another
    ring = torch.full_like(batch.boundary, 2)
    collapsed = latent(model, replace(batch, values=flat, boundary=ring))
    assert collapsed.variance > 0.95 > 0.9 > healthy.variance
    assert latent.loss(collapsed) > latent.loss(healthy)


def test_gradients_go_where_they_should(batch):
    model = build()
    for guard in ("variance", "average"):
        latent = LatentPrediction(model, LatentConfig(guard=guard))
        model.zero_grad()
        latent.loss(latent(model, batch, torch.Generator().manual_seed(0))).backward()
        reached = {n.split(".")[0] for n, p in model.named_parameters() if p.grad is not None and p.grad.any()}
        assert reached == {"encoders", "blocks"} | ({"gain"} & reached)
        assert all(p.grad.any() for p in latent.predictor.parameters())
        assert latent.average is None or all(p.grad is None for p in latent.average.parameters())


def test_the_average_is_a_target_of_its_own_that_follows(batch):
    model = build()
    latent = LatentPrediction(model, LatentConfig(guard="average", decay=0.9))
    before = {n: p.clone() for n, p in latent.average.named_parameters()}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 1
    latent.follow(model)
    for name, parameter in latent.average.named_parameters():
        torch.testing.assert_close(parameter, before[name] + 0.1)
    assert latent.loss(LatentTerms(*map(torch.tensor, (1.0, 5.0, 7.0)))) == 2


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_well([noise(s, frames=9) for s in range(3)], tmp_path / "plane.hdf5")
    (tmp_path / "c.yaml").write_text(YAML)
    return lambda out, *more: main(["fields", "train", "--config", "c.yaml", "--out", out, *more])


@pytest.mark.parametrize("guard", ["variance", "average"])
def test_resumed_equals_never_stopped(run, tmp_path, guard):
    latent = ["--objective.kind=latent", f"--objective.latent.guard={guard}"]
    assert run("whole", *latent) == 0 and run("cut", *latent) == 0
    for path in [*(tmp_path / "cut" / "checkpoints").glob("*step=4*"), tmp_path / "cut" / "checkpoints" / "last.ckpt"]:
        path.unlink()
    assert run("cut", "--resume", "auto", *latent) == 0
    ends = [read(tmp_path / name / "checkpoints" / "last.ckpt")["state_dict"] for name in ("whole", "cut")]
    assert ends[0].keys() == ends[1].keys() and all(torch.equal(ends[0][n], ends[1][n]) for n in ends[0])
    assert any(n.startswith("latent.average.") for n in ends[0]) == (guard == "average")
    with (tmp_path / "whole" / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(float(row["train/variance"]) > 0 for row in rows if row["train/loss"])
    assert any(row["validation/loss_plane"] for row in rows)


def test_the_export_encodes_and_predicts_that_nothing_changes(run, tmp_path):
    assert run("run", "--objective.kind=latent") == 0
    model = FieldModel.from_pretrained(tmp_path / "run" / "export")
    values, names, codes = (getattr(FieldBatch.of([noise(3)], ""), n) for n in ("values", "names", "boundary"))
    assert torch.equal(rollout(model, values, names, codes, 1), values[:, -1:])
    assert model.encode(values, names, codes, depth=1).shape == (1, 6, 20, 16)
    assert all(p.requires_grad for p in model.parameters())
    assert json.loads((tmp_path / "run" / "export" / "config.json").read_text())["kind"] == "fields"
    assert run("tuned", "--start", str(tmp_path / "run" / "export"), "--trainer.max_steps=2") == 0


def test_refusals(batch):
    with pytest.raises(FoundationError, match="UNet has no tokens"):
        FieldModule(UNet(UNetConfig(channels=(8,)), NAMES), OptimConfig(), 2, (), FieldObjective("latent"))
    with pytest.raises(FoundationError, match="latent prediction has none"):
        FieldObjective("latent", push=0.5)
    with pytest.raises(FoundationError, match="decay from 0 to 1"):
        LatentConfig(decay=1.0)
    model = build()
    with pytest.raises(FoundationError, match="windows of 6 frames and a horizon of 5"):
        LatentPrediction(model, LatentConfig(horizon=5))(model, batch)
