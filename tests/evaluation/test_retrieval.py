"""Retrieval finds planted likeness, is at chance without, and never counts an object as its own neighbour."""

import numpy as np
import pytest

from foundation.evaluation.retrieval import cosine, relevance, retrieve_alike, retrieve_same
from foundation.evaluation.split import Parts
from foundation.evaluation.tasks import Task

N = 300
ALIKE = Task("alike", "retrieval", ("image",), "class", metrics=("map", "ndcg@10"))
SAME = Task("same", "retrieval", ("image",), gallery=("spectrum_sdss",), metrics=("recall@1", "recall@10"))


@pytest.fixture
def parts():
    return Parts(*np.split(np.arange(N), [150, 200]))


@pytest.fixture
def draw():
    return np.random.default_rng(0)


def mean_of(outcome, name):
    return float(np.nanmean(outcome.values[name]))


def test_objects_of_a_class_find_each_other(parts, draw):
    label = np.array(["a", "b", "c"])[draw.integers(0, 3, N)]
    centre = {name: draw.normal(size=6) * 3 for name in "abc"}
    features = np.array([centre[v] for v in label]) + draw.normal(0, 0.1, (N, 6))
    assert mean_of(retrieve_alike(ALIKE, "encoder", features, label, parts), "map") > 0.99


def test_without_likeness_precision_is_the_share_of_the_class(parts, draw):
    label = np.array(["a", "b", "c"])[draw.integers(0, 3, N)]
    outcome = retrieve_alike(ALIKE, "encoder", draw.normal(size=(N, 6)), label, parts)
    assert mean_of(outcome, "map") == pytest.approx(1 / 3, abs=0.08)


def test_an_object_is_not_its_own_neighbour(parts, draw):
    features = draw.normal(size=(N, 50))  # everything far from everything, so only itself would be near
    unique = np.array([f"name {i // 2}" for i in range(N)])  # one relevant entry each, or none
    outcome = retrieve_alike(ALIKE, "encoder", features, unique, parts)
    assert mean_of(outcome, "map") < 0.2
    assert all(q not in row for q, row in zip(outcome.test, outcome.neighbours, strict=False))


def test_near_redshifts_are_relevant_by_degrees():
    found = relevance(np.array([1.0]), np.array([1.0, 1.02, 2.0]), scale=0.02)
    np.testing.assert_allclose(found, [[1, np.exp(-1), 0]], atol=1e-12)
    np.testing.assert_array_equal(relevance(np.array(["x"]), np.array(["x", "y"]), 1.0), [[1, 0]])


def test_numbers_are_ranked_by_degrees(parts, draw):
    z = draw.uniform(0, 1, N)
    ring = np.stack([np.cos(2 * z), np.sin(2 * z)], 1)
    task = Task("alike", "retrieval", ("image",), "z", metrics=("ndcg@10",))
    assert mean_of(retrieve_alike(task, "encoder", ring, z, parts), "ndcg@10") > 0.9
    assert mean_of(retrieve_alike(task, "encoder", draw.normal(size=(N, 2)), z, parts), "ndcg@10") < 0.4


def test_the_same_object_is_found_through_a_linear_map(parts, draw):
    hidden = draw.normal(size=(N, 5))
    given, gallery = hidden @ draw.normal(size=(5, 8)), hidden @ draw.normal(size=(5, 11)) + 4
    outcome = retrieve_same(SAME, "encoder", given, gallery, parts)
    assert mean_of(outcome, "recall@1") > 0.95
    np.testing.assert_array_equal(outcome.neighbours[:, 0], outcome.test[: len(outcome.neighbours)])


def test_unrelated_modalities_are_at_chance(parts, draw):
    outcome = retrieve_same(SAME, "encoder", draw.normal(size=(N, 5)), draw.normal(size=(N, 5)), parts)
    assert mean_of(outcome, "recall@10") == pytest.approx(10 / len(parts.test), abs=0.08)


def test_constant_features_win_nothing(parts):
    outcome = retrieve_same(SAME, "encoder", np.ones((N, 3)), np.ones((N, 3)), parts)
    assert mean_of(outcome, "recall@10") == 0


def test_cosine_by_hand():
    np.testing.assert_allclose(cosine(np.array([[3.0, 0], [0, 0]]), np.array([[1.0, 1.0]])), [[np.sqrt(0.5)], [0]])
