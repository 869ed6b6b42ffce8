"""Recalibration: wrong widths and shifts are mended on other objects, right ones stay, tested ones are unseen."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from foundation.evaluation.calibration import BENT, Bend, answers
from foundation.evaluation.completion import OWN, Completed
from foundation.evaluation.metrics import band, off_uniform, pit
from foundation.evaluation.split import Parts

CODES = 64


def drawn(n, width=2.0, shift=0.0, seed=0):
    """Truths of a spread of 2 about known middles, and what is said of them: another width, about a shifted middle."""
    rng = np.random.default_rng(seed)
    middle = rng.uniform(15, CODES - 15, n)
    code = np.clip(np.rint(rng.normal(middle, 2.0)), 0, CODES - 1).astype(int)
    edges = np.arange(CODES + 1) - 0.5
    probability = np.diff(norm.cdf(edges[None], middle[:, None] + shift, width), axis=1)
    probability = probability / probability.sum(1, keepdims=True) * (1 - 1e-9) + 1e-9 / CODES
    nll = -np.log(probability[np.arange(n), code])
    return Completed(nll, probability, code, np.arange(CODES, dtype=float), code[:, None])


@pytest.mark.parametrize(("width", "shift"), [(3.5, 0.0), (1.4, 0.0), (2.5, 0.8), (3.0, -1.0)])
def test_wrong_widths_and_shifts_are_mended_on_other_objects(width, shift):
    known, other = drawn(600, width, shift), drawn(1500, width, shift, seed=1)
    before, after = other, Bend.fitted(known.probability, known.code).of(other)
    assert off_uniform(pit(before.probability, before.code)) > 2 * band(1500)
    assert off_uniform(pit(after.probability, after.code)) < 2 * band(600)  # as well as so many objects tell
    assert after.nll.mean() < before.nll.mean() - 0.02
    np.testing.assert_allclose(after.probability.sum(1), 1)
    assert (after.probability >= 0).all()


def test_what_is_calibrated_stays():
    known, other = drawn(600), drawn(1500, seed=1)
    bend = Bend.fitted(known.probability, known.code)
    assert 0.85 < bend.a < 1.18 and 0.85 < bend.b < 1.18
    assert abs(bend.of(other).nll.mean() - other.nll.mean()) < 0.02
    np.testing.assert_allclose(Bend()(other.probability), other.probability, atol=1e-12)


def test_few_objects_bend_little():
    sure = np.full((2, CODES), 0.1 / (CODES - 1))
    sure[:, 30] = 0.9
    bend = Bend.fitted(sure, np.array([30, 30]))
    assert 0.5 < bend.a < 3 and 0.5 < bend.b < 3


def test_larger_numbers_are_sharper_and_unequal_ones_move_the_middle():
    flat = np.full((1, CODES), 1 / CODES)
    place = np.arange(CODES)
    sharp, right = Bend(4, 4)(flat)[0], Bend(4, 2)(flat)[0]
    assert sharp @ place == pytest.approx((CODES - 1) / 2)
    assert sharp @ (place - (CODES - 1) / 2) ** 2 < 0.5 * flat[0] @ (place - (CODES - 1) / 2) ** 2
    assert right @ place == pytest.approx(CODES * 4 / 6, abs=1)  # mean of a Beta distribution


def test_tested_objects_are_not_learned_from_and_validation_says_which_way_is_better():
    done = drawn(900, 3.5)
    parts = Parts(np.arange(500), np.arange(500, 700), np.arange(700, 900))
    found = {way: (tested, merit) for way, tested, merit in answers(done, parts)}
    assert list(found) == [OWN, BENT] and found[BENT][1] > found[OWN][1]
    assert found[OWN][1] == pytest.approx(-done.nll[500:700].mean())
    moved = done.code.copy()
    moved[700:] = 0
    again = {way: (tested, merit) for way, tested, merit in answers(replace(done, code=moved), parts)}
    np.testing.assert_array_equal(again[BENT][0].probability, found[BENT][0].probability)
    assert again[BENT][1] == found[BENT][1]
