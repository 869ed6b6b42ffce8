"""Costs: coefficients come back from measured times, stalls move nothing, and snapshots agree and survive a restart."""

import numpy as np
import pytest

from foundation.data.balance.calibration import Calibration, relative_error
from foundation.data.balance.cost import CostModel, fit
from foundation.errors import FoundationError

TRUE = CostModel(3e-3, 2e-6, 5e-10, 1e-9)


def measured(rng, n=300, noise=0.0):
    tokens = rng.uniform(2000, 20_000, n)
    work = np.stack([tokens, tokens * rng.uniform(300, 5000, n), rng.uniform(1e5, 1e7, n)], 1)
    return work, TRUE(work) * np.exp(noise * rng.standard_normal(n))


def test_exact_times_give_the_coefficients_back():
    work, seconds = measured(np.random.default_rng(0))
    found = fit(work, seconds)
    for name in ("base", "token", "pair", "byte"):
        assert getattr(found, name) == pytest.approx(getattr(TRUE, name), rel=1e-6)


def test_noise_and_stalls_leave_the_error_small():
    rng = np.random.default_rng(1)
    work, seconds = measured(rng, noise=0.02)
    stalled = rng.random(len(seconds)) < 0.1
    found = fit(work, np.where(stalled, 20 * seconds, seconds))
    assert np.percentile(relative_error(found, work, TRUE(work)), 95) <= 0.05


def test_coefficients_are_never_negative():
    work, _ = measured(np.random.default_rng(2))
    found = fit(work, 1.0 / work[:, 0])
    assert min(found.base, found.token, found.pair, found.byte) >= 0


def test_what_cannot_be_told_apart_still_predicts():
    work = np.tile([[12_288.0, 1e7, 0.0]], (20, 1))
    assert fit(work, np.full(20, 0.5))(work) == pytest.approx(np.full(20, 0.5))


def test_unit_of_time_and_work_does_not_matter():
    work, seconds = measured(np.random.default_rng(3), noise=0.1)
    usual, scaled = fit(work, seconds)(work), fit(work * [1e3, 1e-6, 1.0], 1e3 * seconds)(work * [1e3, 1e-6, 1.0])
    np.testing.assert_allclose(scaled, 1e3 * usual, rtol=1e-6)


def test_calibration_learns_and_is_versioned():
    work, seconds = measured(np.random.default_rng(4))
    calibration = Calibration()
    assert calibration.agree().version == 0  # nothing measured, nothing changed
    for row, took in zip(work.tolist(), seconds.tolist(), strict=True):
        calibration.add(*row, took)
    assert calibration.agree().version == 1 and calibration.agree().version == 2
    assert relative_error(calibration.model, work, seconds).max() < 1e-6
    again = Calibration()
    again.load_state_dict(calibration.state_dict())
    assert again.model == calibration.model


def test_nothing_to_fit():
    with pytest.raises(FoundationError, match="Costs need measured times above 0"):
        fit(np.zeros((0, 3)), np.zeros(0))
    with pytest.raises(FoundationError, match="Costs need measured times above 0"):
        fit(np.ones((2, 3)), np.array([1.0, 0.0]))
