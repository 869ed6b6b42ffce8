"""One global batch gives one loss curve, however it is dealt out over processes and micro-batches."""

import numpy as np
import pytest

TOLERANCE = 1e-5  # of losses in float32


def assert_same(losses, system, way, accumulate, steps):
    if way.startswith("zero"):
        pytest.importorskip("deepspeed")
    alone = losses(system, "auto", 1, accumulate, steps)
    dealt = losses(system, way, 2, accumulate, steps)
    assert len(dealt) == len(alone) == steps
    assert alone[-1] < alone[0]
    difference = np.abs(dealt - alone).max()
    print(f"{system}, {way}, {accumulate} micro-batches, {steps} steps: largest difference {difference:.1e}")
    assert difference <= TOLERANCE


def test_two_processes_equal_one(losses):
    assert_same(losses, "tokens", "zero2", 2, 10)


@pytest.mark.slow
@pytest.mark.parametrize("accumulate", [1, 4])
@pytest.mark.parametrize("way", ["ddp", "zero1", "zero2", "zero3", "fsdp"])
@pytest.mark.parametrize("system", ["tokens", "spectra", "fields"])
def test_every_system_and_strategy(system, way, accumulate, losses):
    assert_same(losses, system, way, accumulate, 50)
