"""Forecast and memory: limits that follow from what the strategies and machines are."""

from dataclasses import replace

import pytest

from foundation.errors import FoundationError
from foundation.plan.cluster import Cluster
from foundation.plan.demand import Demand
from foundation.plan.forecast import forecast
from foundation.plan.memory import STRATEGIES, memory
from foundation.training.trainer import TrainerConfig

MODEL = Demand(
    parameters=3_000_000_000, trained=3_000_000_000, block=60_000_000, outside=100_000_000, copies=0.0,
    activations=20e9, tokens=10_000.0, samples=28.0, flops=1e14, batch_bytes=1e6,
)  # fmt: skip
TRAINER = TrainerConfig(max_steps=1000, precision="bf16-mixed")


def test_on_one_rank_replicated_states_take_sixteen_bytes_a_parameter():
    assert memory(MODEL, "ddp", 1).states == 16 * MODEL.parameters
    assert memory(MODEL, "ddp", 512).states == 16 * MODEL.parameters


@pytest.mark.parametrize(("strategy", "left"), [("zero1", 8), ("zero2", 4), ("zero3", 0), ("fsdp", 0)])
def test_on_many_ranks_only_what_is_whole_is_left(strategy, left):
    assert memory(MODEL, strategy, 10**6).states == pytest.approx(left * MODEL.parameters, rel=1e-2, abs=1e6)


def test_more_dealing_takes_less_and_so_do_more_ranks():
    by_strategy = [memory(MODEL, s, 64).states for s in ("ddp", "zero1", "zero2", "zero3")]
    assert by_strategy == sorted(by_strategy, reverse=True)
    for strategy in STRATEGIES[1:]:
        by_ranks = [memory(MODEL, strategy, n).total for n in (2, 8, 64, 1024)]
        assert by_ranks == sorted(by_ranks, reverse=True)


def test_frozen_weights_have_no_gradients_and_no_moments():
    frozen = replace(MODEL, trained=0)
    assert memory(frozen, "ddp", 8).states == 4 * MODEL.parameters


def test_one_gpu_waits_for_nobody_and_reaches_the_assumed_share():
    cluster = Cluster(mfu=0.4)
    alone = forecast(MODEL, TRAINER, cluster, "ddp", 1)
    assert alone.travel == 0 and alone.mfu == pytest.approx(0.4)
    assert alone.step == pytest.approx(1e14 / (0.4 * 989e12))
    assert alone.hours == pytest.approx(1000 * alone.step / 3600) and alone.flops == 1e17


def test_gradients_travel_twice_and_dealt_weights_once_more():
    cluster = Cluster(link=1.0)
    times = {s: forecast(MODEL, TRAINER, cluster, s, 1024).travel for s in ("ddp", "zero1", "fsdp")}
    assert times["ddp"] == times["zero1"] == pytest.approx(2 * 4 * 3e9 * (1023 / 1024) / (8 * 50e9))
    assert times["fsdp"] == pytest.approx(1.5 * times["ddp"])


def test_between_nodes_all_ports_carry_a_collective_but_no_faster_than_the_links_inside():
    inside, between = (forecast(MODEL, TRAINER, Cluster(), "ddp", n).travel for n in (8, 9))
    assert between / inside == pytest.approx(450 / 400 * (8 / 9) / (7 / 8))
    assert Cluster(between=1e12).bandwidth(64) == Cluster().bandwidth(8)


def test_a_step_is_never_shorter_than_its_work_and_travel_hides_behind_the_backward_pass():
    slow = Cluster(between=1e8)
    row = forecast(MODEL, TRAINER, slow, "ddp", 64)
    assert row.step == pytest.approx(row.compute + row.travel - slow.overlap * 2 / 3 * row.compute)
    assert forecast(MODEL, TRAINER, replace(slow, between=1e15, inside=1e15), "ddp", 64).step == pytest.approx(
        row.compute
    )


@pytest.mark.parametrize("gpus", [1, 3, 64, 288, 1024])
def test_a_fixed_step_is_shared_by_all_gpus(gpus):
    row = forecast(MODEL, TRAINER, Cluster(), "ddp", gpus, samples=8192)
    assert row.tokens == pytest.approx(8192 / 28 * 10_000)
    assert row.compute * gpus == pytest.approx(8192 / 28 * 1e14 / (0.35 * 989e12))
    assert row.memory <= memory(MODEL, "ddp", gpus).total


def test_recomputing_takes_a_third_more_and_counts_no_operations():
    plain, again = (forecast(MODEL, replace(TRAINER, recompute=r), Cluster(), "ddp", 1) for r in (False, True))
    assert again.compute == pytest.approx(4 / 3 * plain.compute) and again.flops == plain.flops


def test_what_does_not_fit_is_said_to():
    assert forecast(MODEL, TRAINER, Cluster(memory=80e9), "ddp", 8).fits
    assert not forecast(MODEL, TRAINER, Cluster(memory=60e9), "ddp", 8).fits


def test_rates_that_are_none_are_refused():
    with pytest.raises(FoundationError, match="rates and sizes must be positive"):
        Cluster(mfu=1.5)
