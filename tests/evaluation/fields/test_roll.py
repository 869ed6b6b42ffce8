"""Roll-outs: the right frames are shown and asked, baselines by hand, the one who knows wins, mistakes are said."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from foundation.errors import FoundationError
from foundation.evaluation.fields.baselines import linear, persistence
from foundation.evaluation.fields.forecaster import of_values, with_baselines
from foundation.evaluation.fields.roll import compare, frames, future, one_step, roll_out
from foundation.evaluation.fields.scores import FAILED, Scores, median, score


def knowing(context, steps):
    """Moves the last frame a point a step."""
    last = torch.from_numpy(context.values[-1])
    return torch.stack([last.roll(t, 1) for t in range(1, steps + 1)])


def test_baselines_by_hand():
    context = torch.tensor([1.0, 2.0, 4.0]).reshape(1, 3, 1, 1).expand(2, 3, 5, 4)
    assert persistence(context, 3)[0, :, 0, 0].tolist() == [4, 4, 4]
    assert linear(context, 3)[1, :, 4, 3].tolist() == [6, 8, 10]
    assert persistence(context, 3).shape == linear(context, 3).shape == (2, 3, 5, 4)
    with pytest.raises(FoundationError, match="at least 2 frames, got 1"):
        linear(context[:, :1], 2)


def test_a_straight_line_is_continued_exactly(waves):
    ramp = replace(waves[0], values=waves[0].values[:1] + np.arange(30, dtype=np.float32).reshape(-1, 1, 1, 1),
                   constant=(False,) * 3)  # fmt: skip
    found = compare(with_baselines({}), [ramp], 2, 20)
    assert found["linear"].over("largest", 1, 20) == pytest.approx(0, abs=1e-5)
    assert found["persistence"].curve("mae")[:, 0].tolist() == pytest.approx(list(range(1, 21)))


@pytest.mark.parametrize("start", [None, 3, 17])
def test_the_frames_shown_and_asked(waves, start):
    first = 3 if start is None else start
    seen = []

    def remembers(context, steps):
        seen.append(context)
        return torch.zeros(steps, 3, 16, 16)

    roll_out(remembers, waves[1], 3, 5, start)
    assert np.array_equal(seen[0].values, waves[1].values[first - 3 : first])
    assert seen[0].time.tolist() == [first - 3, first - 2, first - 1] and seen[0].boundary == waves[1].boundary
    assert np.array_equal(future(waves[1], 3, 5, start), waves[1].values[first : first + 5])


def test_who_knows_beats_the_baselines(waves):
    for found, steps in ((one_step(with_baselines({"knows": knowing}), waves, 2), 1),
                         (compare(with_baselines({"knows": knowing}), waves, 2, 20), 20)):  # fmt: skip
        assert list(found) == ["knows", "persistence", "linear"]
        assert found["knows"].names == ("tracer", "pressure")  # what never changes is left out
        assert found["knows"].over("vrmse", 1, steps) < 1e-5 < found["persistence"].over("vrmse", 1, steps)
    assert found["knows"].values["vrmse"].shape == (3, 20, 2)
    assert found["knows"].failed == 0 and (found["knows"].correlation_time() == torch.inf).all()


def test_one_step_is_every_window(waves):
    found = one_step({"persistence": of_values(persistence)}, waves[:1], 4)["persistence"]
    assert found.values["vrmse"].shape == (26, 1, 2)
    by_hand = score(
        torch.from_numpy(waves[0].values[None, 3:-1]).double(), torch.from_numpy(waves[0].values[None, 4:]).double(),
        waves[0].names, waves[0].constant,
    )  # fmt: skip
    torch.testing.assert_close(found.values["vrmse"][:, 0], by_hand.values["vrmse"][0])


def test_correlation_time_of_a_wave_that_stands_still(waves):
    """cos(2 pi t / 16) falls below 0.8 at t = 2, as cos(pi / 4) = 0.71."""
    found = compare({"persistence": of_values(persistence)}, waves, 2, 10)["persistence"]
    assert found.correlation_time()[:, 0].tolist() == [2, 2, 2]
    assert found.correlation_time(0.9)[:, 0].tolist() == [2, 2, 2] and found.correlation_time(0.93)[0, 0] == 1


def test_points_outside_the_mask_do_not_count(waves):
    valid = np.ones((16, 16), dtype=bool)
    valid[4:7, 5] = False
    sample = replace(waves[0], valid=valid)

    def wrong_outside(context, steps):
        future = knowing(context, steps)
        future[..., ~torch.from_numpy(valid)] = torch.nan
        return future

    assert compare({"x": wrong_outside}, [sample], 2, 4)["x"].over("vrmse", 1, 4) < 1e-5
    assert compare({"x": wrong_outside}, waves[:1], 2, 4)["x"].failed == 1


def scores(vrmse):
    return Scores({"vrmse": torch.tensor(vrmse)[:, :, None]}, ("a",))


def test_aggregation_and_failure():
    found = scores([[0.1, 0.3], [0.2, 0.6], [9.0, 11.0]])
    assert found.over("vrmse", 1, 2) == pytest.approx(0.4) and found.over("vrmse", 1, 1) == pytest.approx(0.2)
    assert found.over("vrmse", 1, 2, "mean") == pytest.approx((0.2 + 0.4 + 10) / 3)
    assert found.failed == pytest.approx(1 / 3) and scores([[FAILED]]).failed == 1 and scores([[torch.nan]]).failed == 1
    with pytest.raises(FoundationError, match="steps 1 to 3 of a roll-out of 2"):
        found.over("vrmse", 1, 3)


@pytest.mark.parametrize("n", [1, 2, 5, 6])
def test_median_is_numpy_s_and_counts_what_diverged_as_infinite(n, generator):
    values = torch.randn(n, 3, 2, generator=generator, dtype=torch.float64)
    np.testing.assert_allclose(median(values), np.median(values.numpy(), 0))
    values[0, 0, 0] = torch.nan
    assert not median(values)[0, 0].isnan()


def test_mistakes(waves):
    with pytest.raises(FoundationError, match="2 frames of context and 29 steps from frame 2 of a trajectory of 30"):
        roll_out(knowing, waves[0], 2, 29)
    with pytest.raises(FoundationError, match="start that leaves room"):
        roll_out(knowing, waves[0], 4, 2, start=3)
    with pytest.raises(FoundationError, match=r"returned \[1, 3, 16, 16\], wanted \[2, 3, 16, 16\]"):
        roll_out(lambda context, steps: knowing(context, 1), waves[0], 2, 2)
    with pytest.raises(FoundationError, match="No trajectory is long enough"):
        one_step({"knows": knowing}, [frames(waves[0], 0, 2)], 2)
    with pytest.raises(FoundationError, match="are constant in time"):
        score(*torch.zeros(2, 1, 1, 1, 4), ("a",), (True,))
    with pytest.raises(FoundationError, match="do not fit"):
        score(torch.zeros(1, 1, 2, 4), torch.zeros(1, 1, 2, 4), ("a",))
    with pytest.raises(FoundationError, match="True values are not finite"):
        score(torch.zeros(1, 1, 1, 4), torch.full((1, 1, 1, 4), torch.nan), ("a",))
    with pytest.raises(FoundationError, match="Score each data set by itself"):
        compare({"knows": knowing}, [waves[0], replace(waves[0], names=("a", "b", "c"))], 2, 2)
