"""The schedule against its closed form, and which parameters decay."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from foundation.batch import pack
from foundation.config import ModelConfig, OptimConfig
from foundation.errors import FoundationError
from foundation.model.transformer import FoundationTransformer
from foundation.seeded import seeded
from foundation.tokens import Axis, Space, Tokens
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


def moved(width, tuned_width, seed):
    """How far a few steps move the states of a model of this width."""
    space = Space("code", "discrete", 64, (Axis("x", "", 0.0, 15.0, 1.0),))
    generator = torch.Generator().manual_seed(seed)
    place = torch.arange(16.0, dtype=torch.float64)[:, None]
    documents = [
        (Tokens.of_space(space, torch.randint(64, (16,), generator=generator), place), torch.arange(16) % 2)
        for _ in range(16)
    ]
    batch = pack(documents, (space,))
    with seeded(seed):
        model = FoundationTransformer(ModelConfig(width=width, depth=2, decoder_depth=0, heads=width // 16), (space,))
    before = model(batch).detach()
    config = OptimConfig(peak_rate=3e-3, weight_decay=0.0, warmup_fraction=0.0, schedule="wsd", tuned_width=tuned_width)
    adam, _ = optimizer(model, 100, config)
    for _ in range(4):
        adam.zero_grad()
        logits = model.heads.outputs("code", model(batch)[batch.query_rows])
        torch.nn.functional.cross_entropy(logits, batch.ids[batch.query_rows]).backward()
        adam.step()
    return float((model(batch).detach() - before).square().mean().sqrt())


def test_wider_models_do_not_move_further_if_the_rate_follows_the_width():
    """The coordinate check of arXiv:2203.03466, appendix D, of the states."""
    growth = {}
    for tuned in (0, 32):
        narrow, wide = (np.mean([moved(width, tuned, seed) for seed in range(4)]) for width in (32, 256))
        growth[tuned] = wide / narrow
    assert 0.7 < growth[32] < 1.1 < 1.3 < growth[0]


def test_decay_does_not_follow_the_rate():
    model = FoundationTransformer(
        ModelConfig(width=64, depth=1, decoder_depth=0, heads=2), (Space("code", "discrete", 5),)
    )
    groups = parameter_groups(model, 0.1, tuned_width=16)
    grown = next(g for g in groups if any(p is model.encoder[0].mlp.down.weight for p in g["params"]))
    assert (grown["factor"], grown["weight_decay"]) == (0.25, pytest.approx(0.4))
