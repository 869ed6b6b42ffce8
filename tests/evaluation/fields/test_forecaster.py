"""A field model as a forecaster: its roll-out in the shape of the data, in one, two and three dimensions."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from foundation.evaluation.fields.forecaster import of_model
from foundation.evaluation.fields.roll import compare, frames
from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.rollout import rollout
from foundation.model.fields.transformer import FieldTransformer

CONFIG = FieldModelConfig(width=24, depth=1, heads=2, hidden=16, inner=4, frequencies=1, tokens=(4, 4, 4))


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = FieldTransformer(CONFIG, ["tracer", "mask", "pressure"]).eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    return model


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("memory", ["window", "cache"])
def test_the_roll_out_of_the_model(model, waves, axes, memory):
    values = waves[0].values.reshape(30, 3, 16, 16)
    values = {1: values[..., 0], 2: values, 3: np.repeat(values[..., None], 16, -1)}[axes]
    sample = replace(
        waves[0], values=values, spacing=np.ones(axes), boundary=(("wall", "open"), *[("periodic",) * 2] * 2)[:axes],
        axes=("x", "y", "z")[:axes],
    )  # fmt: skip
    found = of_model(model, memory)(frames(sample, 0, 3), 4)
    assert found.shape == (4, 3, *sample.space) and torch.equal(found[:, 1], torch.ones(4, *sample.space))
    padded = torch.from_numpy(values[None, :3]).reshape(1, 3, 3, *(*sample.space, 1, 1)[:3])
    sides = torch.tensor([[0, 1], [2, 2], [2, 2]])
    wanted = rollout(model, padded, sample.names, sides, 4, constant=["mask"], memory=memory)
    assert torch.equal(found.flatten(), wanted.flatten())


def test_a_seed_gives_the_same_jitter_again(model, waves):
    one, again, other, none = (of_model(model, seed=s)(frames(waves[0], 0, 3), 2) for s in (1, 1, 2, None))
    assert torch.equal(one, again) and not torch.equal(one, other) and not torch.equal(one, none)


def test_it_is_scored_beside_others(model, waves):
    found = compare({"model": of_model(model), "ensemble": of_model(model, seed=0, ensemble=2)}, waves, 3, 3)
    assert found["model"].values["vrmse"].shape == found["ensemble"].values["vrmse"].shape == (3, 3, 2)
    assert found["model"].values["vrmse"].isfinite().all()
