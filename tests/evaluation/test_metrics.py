"""Metrics against scikit-learn, scipy, closed forms and numbers worked out by hand."""

import numpy as np
import pytest
from scipy.stats import norm, spearmanr
from sklearn import metrics as sk

from foundation.errors import FoundationError
from foundation.evaluation import metrics as m


@pytest.fixture
def draw():
    return np.random.default_rng(0)


@pytest.fixture
def classes(draw):
    true = draw.integers(0, 4, 300)
    return np.where(draw.random(300) < 0.6, true, draw.integers(0, 4, 300)), true


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (m.accuracy, sk.accuracy_score),
        (m.balanced_accuracy, sk.balanced_accuracy_score),
        (m.macro_f1, lambda t, p: sk.f1_score(t, p, average="macro")),
        (m.confusion, sk.confusion_matrix),
    ],
)
def test_class_scores_equal_scikit_learn(ours, theirs, classes):
    predicted, true = classes
    np.testing.assert_allclose(ours(predicted, true), theirs(true, predicted))


def test_class_scores_with_classes_missing_on_either_side():
    predicted, true = np.array([0, 0, 3, 1]), np.array([0, 2, 2, 1])
    assert m.macro_f1(predicted, true) == pytest.approx(sk.f1_score(true, predicted, average="macro"))
    assert m.balanced_accuracy(predicted, true) == pytest.approx((1 + 0 + 1) / 3)  # recalls of classes 0, 2 and 1


def test_r2_and_spearman_equal_the_libraries(draw):
    true = draw.normal(size=200)
    predicted = true + draw.normal(size=200)
    assert m.r2(predicted, true) == pytest.approx(sk.r2_score(true, predicted))
    assert m.spearman(predicted, true) == pytest.approx(spearmanr(predicted, true)[0])


def test_scores_of_constants_are_not_a_number():
    assert np.isnan(m.r2(np.arange(3.0), np.ones(3)))
    assert np.isnan(m.spearman(np.ones(3), np.arange(3.0)))


def test_mad_scatter_is_the_sigma_of_a_gaussian_and_ignores_a_shift(draw):
    residual = draw.normal(0.7, 0.25, 200_000)
    true = np.zeros(len(residual))
    assert m.sigma_mad(residual, true) == pytest.approx(0.25, rel=0.01)
    assert m.sigma_nmad(residual, true) == pytest.approx(0.25, rel=0.01)
    assert m.bias(residual, true) == pytest.approx(0.7, abs=0.01)


def test_redshift_residuals_are_divided_by_one_plus_the_true_redshift():
    true, predicted = np.array([1.0, 1.0, 3.0]), np.array([1.2, 1.0, 2.0])
    np.testing.assert_allclose(m.normalised_residual(predicted, true), [0.1, 0, -0.25])
    assert m.outliers(predicted, true, 0.15) == pytest.approx(1 / 3)
    assert m.outliers(predicted, true, 0.05) == pytest.approx(2 / 3)
    assert m.sigma_nmad(predicted, true) == pytest.approx(1.4826 * 0.1)


def test_average_precision_by_hand():
    relevance = np.array([1.0, 0, 1, 0, 1])
    similarity = np.array([5.0, 4, 3, 2, 1])
    assert m.average_precision(relevance, similarity) == pytest.approx((1 + 2 / 3 + 3 / 5) / 3)
    assert np.isnan(m.average_precision(np.zeros(5), similarity))


def test_ndcg_by_its_formula(draw):
    relevance, similarity = draw.random(30), draw.random(30)
    discount = 1 / np.log2(np.arange(2, 12))
    dcg = (relevance[np.argsort(-similarity)][:10] * discount).sum()
    ideal = (np.sort(relevance)[::-1][:10] * discount).sum()
    assert m.ndcg(relevance, similarity, 10) == pytest.approx(dcg / ideal)


def test_recall_counts_the_relevant_among_the_first(draw):
    relevance = np.array([0.0, 1, 0, 1])
    similarity = np.array([0.9, 0.8, 0.7, 0.1])
    assert [m.recall_at(relevance, similarity, k) for k in (1, 2, 3, 4)] == [0, 0.5, 0.5, 1]


def test_recall_of_equal_similarities_is_not_luck():
    assert m.recall_at(np.eye(10)[0], np.zeros(10), 1) == 0
    assert m.recall_at(np.eye(10)[0], np.zeros(10), 10) == 1


def test_crps_of_a_fine_grid_is_the_gaussian_closed_form():
    values = np.linspace(-12, 12, 6001)
    mu, sigma, true = 0.5, 1.3, np.array([-2.0, 0.5, 3.0])
    probability = np.tile(norm.pdf(values, mu, sigma) * np.diff(values)[0], (3, 1))
    w = (true - mu) / sigma
    expected = sigma * (w * (2 * norm.cdf(w) - 1) + 2 * norm.pdf(w) - 1 / np.sqrt(np.pi))
    np.testing.assert_allclose(m.crps(probability, values, true), expected, rtol=1e-4)


def test_crps_is_the_integral_of_its_definition(draw):
    values, probability = np.sort(draw.normal(size=6)), draw.dirichlet(np.ones(6))
    grid = np.linspace(-6, 6, 400_001)
    below = np.array([probability[values <= x].sum() for x in values])
    cdf = np.concatenate([[0], below])[np.searchsorted(values, grid, side="right")]
    expected = ((cdf - (grid >= 0.3)) ** 2).sum() * np.diff(grid)[0]
    assert m.crps(probability[None], values, np.array([0.3]))[0] == pytest.approx(expected, abs=1e-3)


def test_crps_of_certainty_is_the_distance():
    assert m.crps(np.array([[0, 1.0, 0]]), np.array([1.0, 2.0, 5.0]), np.array([4.0]))[0] == pytest.approx(2)


@pytest.mark.parametrize("concentration", [1.0, 0.02])
def test_pit_is_uniform_for_what_was_drawn_from_the_distribution(draw, concentration):
    """Also where one code holds nearly all of the mass."""
    probability = draw.dirichlet(np.full(50, concentration), size=4000)
    code = np.array([draw.choice(50, p=p / p.sum()) for p in probability])
    found = m.pit(probability, code)
    assert m.off_uniform(found) < m.band(4000)
    assert 0.25 <= m.pit(np.array([[0.25, 0.5, 0.25]]), np.array([1]))[0] <= 0.75


def test_metric_reads_its_parameter_from_the_name():
    true, predicted = np.zeros(4), np.array([0.0, 0.1, 0.2, 0.3])
    assert m.metric("outliers@0.15").function(predicted, true) == 0.5
    assert m.metric("outliers@0.25").function(predicted, true) == 0.25
    assert m.metric("ndcg@10").name == "ndcg@10"


@pytest.mark.parametrize(("name", "value", "merit"), [("r2", 0.5, 0.5), ("sigma_mad", 0.5, -0.5), ("bias", -0.5, -0.5)])
def test_merit_is_larger_where_better(name, value, merit):
    assert m.metric(name).merit(value) == merit


@pytest.mark.parametrize("name", ["r3", "outliers", "recall@x", "r2@3", ""])
def test_an_unknown_metric_is_named_with_those_there_are(name):
    with pytest.raises(FoundationError, match=r"no metric .*there are r2, .*outliers@NUMBER.*\."):
        m.metric(name)


def test_distance_from_uniform_is_kolmogorovs_and_its_band_holds_19_of_20(draw):
    from scipy.stats import kstest, kstwo

    numbers = draw.random(300)
    assert m.off_uniform(numbers) == pytest.approx(kstest(numbers, "uniform").statistic)
    for n in (50, 1000):
        assert m.band(n) == pytest.approx(kstwo.ppf(0.95, n), rel=0.01)
    assert m.off_uniform(numbers**2) > m.band(300) > m.off_uniform(np.linspace(0, 1, 301)[1:] - 1 / 600)
    assert m.metric("pit").over(numbers) == m.off_uniform(numbers)
    assert m.metric("correlation").over(np.array([0.1, 0.9, np.nan, 0.5])) == 0.5
