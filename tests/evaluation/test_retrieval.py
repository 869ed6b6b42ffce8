"""Retrieval finds planted likeness, is at chance without, and never counts an object as its own neighbour."""

import numpy as np
import pytest

from foundation.errors import FoundationError
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


def test_rare_classes_alone_are_queries(parts, draw):
    label = np.where(draw.random(N) < 0.1, "rare", "plain")
    features = np.where(label == "rare", 3.0, 0.0)[:, None] + draw.normal(0, 0.1, (N, 4))
    task = Task("rare", "retrieval", ("image",), "class", metrics=("map",), rare="rare")
    outcome = retrieve_alike(task, "encoder", features, label, parts)
    assert set(label[outcome.test]) == {"rare"} and mean_of(outcome, "map") > 0.99
    assert all(q not in row for q, row in zip(outcome.test, outcome.neighbours, strict=False))


def test_fractions_of_votes_are_relevances(parts, draw):
    votes = draw.random(N)
    task = Task("mergers", "retrieval", ("image",), "votes", metrics=("ndcg@10",), rare=0.9)
    features = np.stack([np.cos(3 * votes), np.sin(3 * votes)], 1)
    outcome = retrieve_alike(task, "encoder", features, votes, parts)
    assert (votes[outcome.test] > 0.9).all() and mean_of(outcome, "ndcg@10") > 0.95
    query = int(outcome.test[0])
    others = parts.test[parts.test != query]
    top = np.sort(votes[others])[::-1][:10]
    near = np.argsort(-cosine_to(features, query, others, parts))[:10]
    expected = (votes[others][near] / np.log2(np.arange(2, 12))).sum() / (top / np.log2(np.arange(2, 12))).sum()
    assert outcome.values["ndcg@10"][0] == pytest.approx(expected)


def cosine_to(features, query, others, parts):
    x = (features - features[parts.train].mean(0)) / features[parts.train].std(0)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    return unit[others] @ unit[query]


def test_nothing_rare_is_refused(parts, draw):
    task = Task("rare", "retrieval", ("image",), "class", rare="unicorn")
    with pytest.raises(FoundationError, match="0 test objects have 'class' unicorn"):
        retrieve_alike(task, "encoder", draw.normal(size=(N, 3)), np.array(["a"] * N), parts)
