"""A probe task from labels to an outcome: transforms, classes, parts and another record set."""

import dataclasses

import numpy as np
import pytest

from foundation.errors import FoundationError
from foundation.evaluation.metrics import metric
from foundation.evaluation.observations import Observations
from foundation.evaluation.outcome import Outcome, standing
from foundation.evaluation.probing import Question, probe
from foundation.evaluation.problem import Features
from foundation.evaluation.tasks import Task

REDSHIFT = Task(
    "z", "regression", ("spectrum_sdss",), "z", where={"class": ("GALAXY", "QSO")}, transform="log1p",
    metrics=("sigma_nmad", "r2"),
)  # fmt: skip
CLASS = Task("c", "classification", ("spectrum_sdss",), "class")


def planted(question):
    """Features that hold the target, with a little noise."""
    noise = np.random.default_rng(0).normal(0, 0.01, (len(question.target), 3))
    return Features((question.target[:, None] + noise).astype(np.float32))


def test_only_objects_of_the_asked_classes_are_asked(observed):
    question = Question.of(REDSHIFT, observed, observed)
    assert set(observed.labels["class"][question.train_index]) == {"GALAXY", "QSO"}
    np.testing.assert_allclose(np.expm1(question.target), observed.labels["z"][question.train_index])


def test_predictions_come_back_in_the_unit_of_the_label(observed):
    question = Question.of(REDSHIFT, observed, observed)
    features = planted(question)
    outcome = probe(question, "encoder", "linear", features, features, range(3))
    assert outcome.predicted.shape == (3, len(outcome.test))
    np.testing.assert_allclose(outcome.true, observed.labels["z"][outcome.test])
    assert outcome.statistic("r2")(np.arange(len(outcome.test))) > 0.98


def test_a_wild_extrapolation_is_held_back(observed):
    question = Question.of(REDSHIFT, observed, observed)
    assert question.back(np.array([100.0]))[0] < 20


def test_classes_are_numbered_by_name(observed):
    question = Question.of(CLASS, observed, observed)
    assert question.classes == ("GALAXY", "QSO", "STAR")
    names = np.array(question.classes)[question.target]
    np.testing.assert_array_equal(names, observed.labels["class"][question.train_index])


def test_the_test_objects_are_those_of_the_split_and_the_same_for_every_probe(observed):
    question = Question.of(CLASS, observed, observed)
    features = planted(question)
    a, b = (probe(question, "encoder", name, features, features, [0, 1]) for name in ("linear", "knn"))
    np.testing.assert_array_equal(a.test, b.test)
    np.testing.assert_array_equal(a.test, question.train_index[question.parts(0).test])


def test_another_record_set_is_all_test(observed, another_sky):
    other = Observations.read(another_sky, "other")
    task = dataclasses.replace(CLASS, test="other")
    question = Question.of(task, observed, other)
    parts = question.parts(0)
    assert len(parts.test) == len(other)
    assert len(parts.train) + len(parts.validation) == len(question.train_index)
    learned, tested = planted(question), Features(question.test_target[:, None].repeat(3, 1).astype(np.float32))
    outcome = probe(question, "encoder", "linear", learned, tested, [0])
    assert outcome.statistic("accuracy")(np.arange(len(other))) == 1


def test_a_class_that_was_never_learned_is_not_asked(observed, another_sky):
    other = Observations.read(another_sky, "other")
    task = dataclasses.replace(CLASS, test="other", where={"class": ("GALAXY", "QSO")})
    labels = {**observed.labels, "class": np.where(observed.labels["class"] == "QSO", "", observed.labels["class"])}
    question = Question.of(task, dataclasses.replace(observed, labels=labels), other)
    assert question.classes == ("GALAXY",)
    assert set(other.labels["class"][question.test_index]) == {"GALAXY"}


def test_too_few_objects_is_a_sentence(sky):
    few = Observations.read(sky, "few", limit=3)
    question = Question.of(CLASS, few, few)
    with pytest.raises(FoundationError, match="no two objects"):
        probe(question, "encoder", "linear", planted(question), planted(question), [0])


def outcome(source, probe_name, merit):
    return Outcome(source, probe_name, merit, np.arange(3), np.arange(3.0), np.zeros((1, 3)), 10)


def test_validation_chooses_the_probe_and_not_the_test():
    both = [outcome("encoder", "knn", 0.2), outcome("encoder", "linear", 0.9), outcome("raw input", "mlp", 2.0)]
    assert {s: o.probe for s, o in standing(both).items()} == {"encoder": "linear", "raw input": "mlp"}


def test_the_merit_is_that_of_the_first_metric(observed):
    question = Question.of(REDSHIFT, observed, observed)
    good = planted(question)
    bad = Features(np.random.default_rng(5).normal(size=(len(question.target), 3)).astype(np.float32))
    merits = [probe(question, "encoder", "linear", f, f, [0]).merit for f in (good, bad)]
    assert 0 > merits[0] > merits[1]  # minus the scatter


def test_the_score_is_the_mean_over_seeds_and_the_spread_their_deviation():
    predicted = np.array([[0.0, 1, 2], [0.0, 1, 5]])
    found = Outcome("encoder", "linear", 0.0, np.arange(3), np.arange(3.0), predicted, 10)
    each = [metric("r2").function(p, np.arange(3.0)) for p in predicted]
    assert found.statistic("r2")(np.arange(3)) == pytest.approx(np.mean(each))
    assert found.spread("r2") == pytest.approx(np.std(each))


def test_few_objects_are_nested_and_leave_the_test_part_alone(observed):
    question = Question.of(CLASS, observed, observed)
    whole = question.parts(0)
    parts = {n: dataclasses.replace(question, most=n).parts(0) for n in (5, 20, 10_000)}
    assert len(parts[5].train) == 5 and set(parts[5].train) < set(parts[20].train) < set(whole.train)
    assert parts[10_000].train.tolist() == whole.train.tolist()
    assert all(p.test.tolist() == whole.test.tolist() for p in parts.values())
    features = planted(question)
    outcome = probe(dataclasses.replace(question, most=20), "encoder", "linear", features, features, [0])
    assert outcome.trained == 20


def test_logarithms_of_positive_labels_are_what_is_scored(observed):
    task = Task("z", "regression", ("spectrum_sdss",), "z", transform="log10")
    question = Question.of(task, observed, observed)
    z = observed.labels["z"][question.train_index]
    assert (z > 0).all() and len(z) < len(observed)
    np.testing.assert_allclose(question.target, np.log10(z))
    outcome = probe(question, "encoder", "linear", planted(question), planted(question), [0])
    np.testing.assert_allclose(outcome.true, np.log10(observed.labels["z"][outcome.test]))
    assert outcome.statistic("r2")(np.arange(len(outcome.test))) > 0.98
