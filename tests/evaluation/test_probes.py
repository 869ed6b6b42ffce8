"""Probes find what was planted, do not find what was not, and choose their settings on the validation part."""

import numpy as np
import pytest
import torch

from foundation.evaluation.metrics import r2
from foundation.evaluation.probes import PROBES, validation_loss
from foundation.evaluation.problem import Features, Problem

N, WIDTH = 400, 12
NEURAL = ("mlp", "attentive")


def as_tokens(pooled):
    """The vectors, each also as three tokens with the vector as their mean."""
    spread = np.random.default_rng(9).normal(size=(len(pooled), 3, pooled.shape[1]))
    tokens = pooled[:, None] + 0.2 * (spread - spread.mean(1, keepdims=True))
    count = torch.full((len(pooled),), 3)
    rows = torch.from_numpy(tokens.reshape(-1, pooled.shape[1]).astype(np.float32))
    return Features(pooled.astype(np.float32), rows, count.cumsum(0) - 3, count)


def problem(target, pooled, classes=0):
    train, validation, test = np.split(np.arange(N), [240, 300])
    features = as_tokens(pooled)
    return Problem(features, target, train, validation, features, test, classes)


@pytest.fixture
def pooled():
    return np.random.default_rng(0).normal(size=(N, WIDTH))


@pytest.mark.parametrize("name", PROBES)
def test_a_planted_value_is_found(name, pooled):
    target = 5 + 2 * pooled[:, 0] - pooled[:, 1]
    asked = problem(target, pooled)
    assert r2(PROBES[name](asked, 0).test, target[asked.test]) > {"knn": 0.4}.get(name, 0.85)


@pytest.mark.parametrize("name", PROBES)
def test_a_shuffled_value_is_not(name, pooled):
    target = np.random.default_rng(1).permutation(5 + 2 * pooled[:, 0])
    asked = problem(target, pooled)
    assert r2(PROBES[name](asked, 0).test, target[asked.test]) < 0.1


@pytest.mark.parametrize("name", PROBES)
def test_a_planted_class_is_found_and_a_shuffled_one_is_not(name, pooled):
    target = (pooled[:, 0] > 0).astype(np.int64) + (pooled[:, 0] > 1)
    for labels, low, high in ((target, 0.66, 1.0), (np.random.default_rng(1).permutation(target), 0.0, 0.62)):
        asked = problem(labels, pooled, classes=3)
        probability = PROBES[name](asked, 0).test
        np.testing.assert_allclose(probability.sum(1), 1, rtol=1e-5)
        assert low <= (probability.argmax(1) == labels[asked.test]).mean() <= high


@pytest.mark.parametrize("name", NEURAL)
def test_networks_find_what_a_line_cannot(name, pooled):
    target = np.abs(pooled[:, 0]) * 3
    asked = problem(target, pooled)
    line = r2(PROBES["linear"](asked, 0).test, target[asked.test])
    assert line < 0.1
    assert r2(PROBES[name](asked, 0).test, target[asked.test]) > 0.4


def test_a_network_leaves_the_global_generator_alone(pooled):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    PROBES["mlp"](problem(pooled[:, 0], pooled), 1)
    torch.testing.assert_close(torch.rand(3), expected)


@pytest.mark.parametrize("name", PROBES)
def test_the_same_seed_gives_the_same_answer_whatever_the_test_targets_are(name, pooled):
    target = pooled[:, 0].copy()
    before = PROBES[name](problem(target, pooled), 7)
    target[300:] = 1e6
    again = PROBES[name](problem(target, pooled), 7)
    np.testing.assert_array_equal(again.test, before.test)
    np.testing.assert_array_equal(again.validation, before.validation)


@pytest.mark.parametrize("name", PROBES)
def test_missing_features_are_survived(name, pooled):
    target = pooled[:, 0].copy()
    pooled[::5, 3:] = np.nan
    pooled[:, 7] = np.nan  # never measured
    asked = problem(target, np.nan_to_num(pooled)) if name == "attentive" else problem(target, pooled)
    answer = PROBES[name](asked, 0).test
    assert np.isfinite(answer).all()


def test_another_record_set_is_answered_in_its_own_order(pooled):
    target = pooled[:, 0] * 2
    other = Features((pooled[:50] + 0.0).astype(np.float32))
    asked = Problem(
        Features(pooled.astype(np.float32)), target, np.arange(240), np.arange(240, 300), other, np.array([9, 3])
    )
    np.testing.assert_allclose(PROBES["linear"](asked, 0).test, target[[9, 3]], atol=0.05)


def test_a_class_absent_from_training_gets_no_probability(pooled):
    target = np.zeros(N, dtype=np.int64)
    target[pooled[:, 0] > 0] = 2  # class 1 never occurs
    probability = PROBES["linear"](problem(target, pooled, classes=3), 0).test
    assert (probability[:, 1] == 0).all()


def test_the_ridge_penalty_grows_with_the_noise():
    draw = np.random.default_rng(3)
    pooled = draw.normal(size=(N, 200))  # nearly as many features as training objects
    target = pooled[:, 0] + draw.normal(0, 3, N)
    asked = problem(target, pooled)
    unpenalised = np.linalg.lstsq(pooled[asked.train], target[asked.train], rcond=None)[0]
    worst = np.mean((pooled[asked.test] @ unpenalised - target[asked.test]) ** 2)
    assert np.mean((PROBES["linear"](asked, 0).test - target[asked.test]) ** 2) < worst / 2


@pytest.mark.filterwarnings("error")
def test_many_equal_features_are_no_trouble_to_the_linear_probe(pooled):
    alike = np.repeat(pooled[:, :1], 6000, 1)
    asked = problem(pooled[:, 0], alike)
    assert r2(PROBES["linear"](asked, 0).test, asked.target[asked.test]) > 0.99


def test_validation_loss_by_hand():
    assert validation_loss(np.array([1.0, 4.0]), np.array([2.0, 2.0])) == pytest.approx(1.5)
    assert validation_loss(np.array([[0.75, 0.25]]), np.array([0])) == pytest.approx(2 * 0.25**2)
