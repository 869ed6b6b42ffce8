import pytest
import torch
from scipy.stats import chisquare

from foundation.errors import FoundationError
from foundation.sampling.order import random_steps, tokens_per_step
from foundation.sampling.template import template
from foundation.tokens import Axis, Space


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_each_step_reveals_at_least_one_and_all_steps_all(schedule):
    for n in range(1, 40):
        for steps in range(1, 45):
            counts = tokens_per_step(n, steps, schedule)
            assert sum(counts) == n
            assert min(counts) >= 1
            assert len(counts) == min(n, steps)


def test_schedules():
    assert tokens_per_step(12, 4, "linear") == [3, 3, 3, 3]
    assert tokens_per_step(100, 3, "cosine") == [13, 37, 50]  # 1 - cos(30), 60, 90 degrees: 0.134, 0.5, 1
    assert tokens_per_step(0, 3, "cosine") == []
    with pytest.raises(FoundationError, match="steps=0"):
        tokens_per_step(5, 0, "linear")


def test_order_is_uniform(generator):
    first = torch.zeros(6)
    for _ in range(3000):
        step = random_steps([1, 2, 3], generator)
        assert torch.bincount(step).tolist() == [0, 1, 2, 3]
        first += step == 1
    assert chisquare(first.numpy()).pvalue > 1e-3


def test_template_is_the_grid_of_the_axes():
    space = Space("image", "discrete", 9, (Axis("y", "arcsec", -1, 1, 1), Axis("x", "arcsec", 0, 0.5, 0.25)))
    tokens = template(space)
    assert tokens.position[:, :2].tolist() == [[y, x] for y in (-1, 0, 1) for x in (0, 0.25, 0.5)]
    assert tokens.ids.tolist() == [0] * 9
    assert len(template(Space("redshift", "discrete", 9))) == 1
    assert template(Space("field", "continuous", 4, (Axis("t", "s", 0, 2, 1),)), track=3).vectors["field"].shape == (
        3,
        4,
    )
    assert template(Space("field", "continuous", 4), track=3).track.tolist() == [3]
