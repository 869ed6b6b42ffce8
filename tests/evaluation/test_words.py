"""Sentences say who is better only where the numbers say so."""

import pytest

from foundation.evaluation.bootstrap import Difference, Interval
from foundation.evaluation.results import Comparison, Row, TaskResult
from foundation.evaluation.tasks import Task
from foundation.evaluation.words import number, overview, score_table, sentence, story, verdict

SCATTER = Task("z", "regression", ("spectrum_sdss",), "z", metrics=("sigma_nmad", "r2"))


def result(probability, ours=0.01, other=0.03):
    def row(source, probe, chosen, value):
        scores = {"sigma_nmad": Interval(value, value - 0.001, value + 0.001), "r2": Interval(0.9, 0.8, 0.95)}
        return Row(source, probe, chosen, 500, scores, {"sigma_nmad": 0.0, "r2": 0.0})

    rows = (
        row("encoder", "linear", False, 0.005),  # better on the test objects, but not what validation chose
        row("encoder", "attentive", True, ours),
        row("raw input", "knn", True, other),
    )
    compared = Comparison("sigma_nmad", "raw input", "attentive", "knn", Difference(0.02, 0.01, 0.03, probability))
    return TaskResult(SCATTER, 321, "main", "abc", rows, (compared,))


@pytest.mark.parametrize(
    ("probability", "words"),
    [
        (0.99, "better than"),
        (0.5, "not clearly different from"),
        (0.9, "not clearly different from"),
        (0.01, "worse than"),
    ],
)
def test_verdicts(probability, words):
    assert verdict(result(probability).comparisons[0]) == words


def test_a_sentence_has_the_numbers_of_the_chosen_probes():
    said = sentence(result(0.99))
    assert "σ_NMAD 0.0100 [0.0090, 0.0110] (attentive) on 321 test objects" in said
    assert "better than raw input (0.0300, knn)" in said


def test_the_story_counts_wins_draws_and_defeats():
    told = story([result(0.99), result(0.5), result(0.0)])
    assert "beats every baseline on 1 of 3 tasks" in told
    assert "On 1 it is not clearly better" in told
    assert "On 1 a baseline is better" in told


def test_the_story_of_a_defeat_does_not_boast():
    told = story([result(0.0)])
    assert "beats every baseline on 0 of 1 tasks." in told
    assert "better than" not in told


@pytest.mark.parametrize(
    ("score", "text"),
    [
        (Interval(0.5, 0.4, 0.6), "0.50 [0.40, 0.60]"),
        (Interval(0.01234, 0.0121, 0.0126), "0.01234 [0.01210, 0.01260]"),
        (Interval(12.3456, 10.0, 15.0), "12.35 [10.00, 15.00]"),
        (Interval(1.0, 1.0, 1.0), "1.000 [1.000, 1.000]"),
    ],
)
def test_a_number_has_the_digits_its_interval_supports(score, text):
    assert number(score) == text


def test_the_table_marks_the_best_of_each_column_in_its_own_direction():
    table = score_table(result(0.99))
    assert table.columns == ["features", "probe", "learned from", "σ_NMAD", "R²"]
    assert (0, 3) in table.best  # the smallest scatter
    assert [row[1] for row in table.rows] == ["linear", "attentive *", "knn *"]


def test_the_overview_has_a_column_for_every_source_that_answered():
    table = overview([result(0.99), result(0.0, ours=0.05)])
    assert table.columns[3:] == ["encoder", "raw input"]
    assert table.best == {(0, 3), (1, 4)}
