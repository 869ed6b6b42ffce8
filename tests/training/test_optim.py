"""The schedule against its closed form, and which parameters decay."""

import math

import pytest
import torch
from torch import nn

from foundation.config import ModelConfig, OptimConfig
from foundation.errors import FoundationError
from foundation.model.transformer import FoundationTransformer
from foundation.tokens import Space
from foundation.training.optim import optimizer, parameter_groups, rate


def rates(steps, **options):
    config = OptimConfig(peak_rate=1.0, **options)
    return [rate(step, steps, config) for step in range(steps)]


def test_warmup_rises_linearly_to_the_peak():
    assert rates(100, warmup_fraction=0.1)[:10] == pytest.approx([0.1 * (i + 1) for i in range(10)])


def test_cosine_equals_its_closed_form():
    found = rates(100, warmup_fraction=0.1, final_rate=0.2)
    wanted = [0.2 + 0.8 * 0.5 * (1 + math.cos(math.pi * i / 91)) for i in range(1, 91)]  # would end at step 100
    assert found[10:] == pytest.approx(wanted)


def test_wsd_warms_holds_and_falls_linearly():
    found = rates(100, schedule="wsd", warmup_fraction=0.1, decay_fraction=0.2)
    assert found[9:80] == pytest.approx([1.0] * 71)
    assert found[80:] == pytest.approx([1 - i / 21 for i in range(1, 21)])


@pytest.mark.parametrize("schedule", ["cosine", "wsd"])
@pytest.mark.parametrize("steps", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("fractions", [(0.0, 0.0), (0.1, 0.2), (0.5, 1.0), (1.0, 0.5)])
def test_any_schedule_stays_positive_and_has_one_peak(schedule, steps, fractions):
    found = rates(steps, schedule=schedule, warmup_fraction=fractions[0], decay_fraction=fractions[1])
    assert all(0 < r <= 1 for r in found)
    top = found.index(max(found))
    assert found[: top + 1] == sorted(found[: top + 1])
    assert found[top:] == sorted(found[top:], reverse=True)


def test_optimizer_follows_the_schedule():
    config = OptimConfig(peak_rate=0.1, final_rate=0.01)
    adam, schedule = optimizer(nn.Linear(2, 2), 20, config)
    for step in range(20):
        assert adam.param_groups[0]["lr"] == pytest.approx(rate(step, 20, config))
        adam.step()
        schedule.step()


def test_parts_have_rates_of_their_own_and_frozen_ones_stay():
    model = nn.ModuleDict({"old": nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)]), "new": nn.Linear(2, 2)})
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    config = OptimConfig(peak_rate=0.1, warmup_fraction=0.0, rate_of={"old": 0.5, "old.0.": 0.0})
    adam, schedule = optimizer(model, 2, config)
    for group in adam.param_groups:
        assert group["lr"] == pytest.approx(group["factor"] * rate(0, 2, config))
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    adam.step()
    moved = {name: (p - before[name]).abs().max().item() for name, p in model.named_parameters()}
    assert moved["old.0.weight"] == moved["old.0.bias"] == 0
    assert moved["old.1.bias"] == pytest.approx(moved["new.bias"] / 2, rel=1e-4)
    schedule.step()
    assert all(g["lr"] == pytest.approx(g["factor"] * rate(1, 2, config)) for g in adam.param_groups)


@pytest.mark.parametrize("rate_of", [{"odl": 0.5}, {"weight": -1.0}])
def test_a_rate_for_nothing_is_refused(rate_of):
    with pytest.raises(FoundationError, match=r"optim\.rate_of gives"):
        optimizer(nn.Linear(2, 2), 2, OptimConfig(rate_of=rate_of))


def test_only_matrices_decay():
    spaces = (Space("code", "discrete", 7), Space("vector", "continuous", 3))
    model = FoundationTransformer(ModelConfig(width=16, depth=1, decoder_depth=1, heads=2), spaces)
    decayed, plain = parameter_groups(model, 0.05)
    assert (decayed["weight_decay"], plain["weight_decay"]) == (0.05, 0.0)
    names = {id(p): name for name, p in model.named_parameters()}
    assert len(decayed["params"]) + len(plain["params"]) == len(names)
    kept = {names[id(p)] for p in plain["params"]}
    assert {"embed.value.code.weight", "embed.space.weight", "embed.query", "norm.weight", "context.bias"} <= kept
    shrunk = {names[id(p)] for p in decayed["params"]}
    assert {"heads.output.code.weight", "encoder.0.attn.qkv.weight", "embed.value.vector.weight"} <= shrunk
    assert not any("norm" in name or "bias" in name for name in shrunk)


def test_frozen_parameters_are_left_out():
    model = nn.Linear(2, 2)
    model.weight.requires_grad_(False)
    (plain,) = parameter_groups(model, 0.1)
    assert [p is model.bias for p in plain["params"]] == [True]


@pytest.mark.parametrize(
    "options", [{"peak_rate": 0.0}, {"final_rate": 1.0}, {"warmup_fraction": 1.5}, {"decay_fraction": -0.1}]
)
def test_impossible_schedules_are_refused(options):
    with pytest.raises(FoundationError, match="optim:"):
        optimizer(nn.Linear(2, 2), 10, OptimConfig(**options))


def test_weight_decay_is_decoupled_and_only_where_it_belongs():
    model = nn.Linear(3, 3)
    before = model.weight.detach().clone(), model.bias.detach().clone()
    adam, _ = optimizer(model, 10, OptimConfig(peak_rate=0.1, weight_decay=0.5, warmup_fraction=0.0))
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    adam.step()
    torch.testing.assert_close(model.weight.detach(), before[0] * (1 - 0.1 * 0.5))
    torch.testing.assert_close(model.bias.detach(), before[1])
