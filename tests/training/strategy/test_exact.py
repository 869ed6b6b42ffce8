"""One global batch gives one loss curve, however it is dealt out over processes and micro-batches."""

import numpy as np
import pytest

TOLERANCE = 1e-5  # of losses in float32
ALL = tuple((system, accumulate) for system in ("tokens", "spectra", "fields") for accumulate in (1, 4))


def assert_same(losses, way, steps, runs):
    if way.startswith("zero"):
        pytest.importorskip("deepspeed")
    alone, dealt = losses(None, steps, runs), losses(way, steps, runs)
    for run in runs:
        assert len(dealt[run]) == len(alone[run]) == steps
        assert alone[run].min() < 0.9 * alone[run][0]  # something is learned
        difference = np.abs(dealt[run] - alone[run]).max()
        print(f"{way}, {run[0]}, {run[1]} micro-batches, {steps} steps: largest difference {difference:.1e}")
        assert difference <= TOLERANCE


def test_two_processes_equal_one(losses):
    assert_same(losses, "zero2", 10, (("tokens", 2),))


@pytest.mark.slow
@pytest.mark.parametrize("way", ["ddp", "zero1", "zero2", "zero3", "fsdp"])
def test_every_strategy_and_system(way, losses):
    assert_same(losses, way, 50, ALL)
