"""Completion: the model's own distributions, the marginal it must beat, and what codes stand for."""

import numpy as np
import pytest
import torch
from scipy.stats import entropy

from foundation.batch import pack
from foundation.errors import FoundationError
from foundation.evaluation.completion import (
    BATCH,
    Completed,
    asked,
    codes_of,
    complete,
    correlations,
    marginal,
    scalar_values,
    scored,
)
from foundation.evaluation.split import Parts
from foundation.evaluation.tasks import Task

TASK = Task("t", "completion", ("image",), "redshift", metrics=("nll", "crps", "r2"))


@pytest.fixture(scope="module")
def tokens(encoder, observed):
    return encoder.tokenise(observed.at(range(BATCH + 3)))


@pytest.fixture
def parts():
    return Parts(*np.split(np.arange(3000), [2000, 2400]))


def test_the_negative_log_probability_is_that_of_the_true_codes(encoder, tokens):
    done = complete(encoder, tokens, ["image"], "redshift")
    codes = codes_of(tokens, "redshift")[:, 0]
    np.testing.assert_array_equal(done.code, codes)
    np.testing.assert_allclose(done.probability.sum(1), 1)
    np.testing.assert_allclose(done.nll, -np.log(done.probability[np.arange(len(codes)), codes]))


def test_of_many_tokens_it_is_the_mean(encoder, tokens):
    done = complete(encoder, tokens, ["image"], "spectrum_sdss")
    batch = pack([asked(tokens[2], ["image"], "spectrum_sdss")], encoder.spaces)
    with torch.no_grad():
        prediction = encoder.predict(encoder(batch), batch)["spectrum_sdss"]
    expected = -prediction.distribution.log_prob(batch.ids[prediction.rows]).mean()
    assert done.nll[2] == pytest.approx(float(expected), abs=1e-4)
    assert len(done.probability) == 0


def test_the_answer_is_not_given(encoder, tokens):
    given, reveal = asked(tokens[0], ["image", "flux_g"], "redshift")
    assert (reveal[given.of("redshift")] == 1).all()
    assert (reveal[given.of("image")] == 0).all()
    assert (reveal[given.of("spectrum_sdss")] == -1).all()


def test_the_prediction_does_not_depend_on_the_answer(encoder, tokens):
    before = complete(encoder, tokens[:4], ["image"], "redshift").probability
    for t in tokens[:4]:
        t.ids[t.of("redshift")] = (t.ids[t.of("redshift")] + 5) % 32
    after = complete(encoder, tokens[:4], ["image"], "redshift").probability
    for t in tokens[:4]:
        t.ids[t.of("redshift")] = (t.ids[t.of("redshift")] - 5) % 32
    np.testing.assert_array_equal(before, after)


def test_the_marginal_of_independent_codes_has_their_entropy(parts):
    draw = np.random.default_rng(0)
    truth = np.stack([draw.dirichlet(np.ones(12)) for _ in range(3)])  # another distribution at each place
    codes = np.stack([draw.choice(12, 3000, p=p) for p in truth], 1)
    prior, loss = marginal(codes, 12, parts)
    expected = np.mean([entropy(p) for p in truth])
    assert prior.nll.mean() == pytest.approx(expected, rel=0.05)
    assert loss == pytest.approx(expected, rel=0.08)


def test_the_marginal_survives_codes_it_has_never_seen(parts):
    codes = np.zeros((3000, 1), dtype=np.int64)
    codes[2500:] = 7
    prior, _ = marginal(codes, 8, parts)
    assert np.isfinite(prior.nll).all()
    np.testing.assert_allclose(prior.probability.sum(1), 1)


def test_rare_codes_are_shared_between_places(parts):
    draw = np.random.default_rng(1)
    codes = draw.integers(0, 500, (3000, 40))  # few examples a code and place, and all places alike
    prior, _ = marginal(codes, 500, parts)
    assert prior.nll.mean() == pytest.approx(np.log(500), rel=0.01)


def test_codes_stand_for_their_decoded_values(encoder, tokens):
    values = scalar_values(encoder.tokenizers.decode, tokens[0], "redshift")
    np.testing.assert_allclose(values, (np.arange(32) + 0.5) / 32 * 1.5)
    assert len(scalar_values(encoder.tokenizers.decode, tokens[0], "image")) == 0


def test_values_are_put_in_order():
    done = Completed(np.zeros(1), np.array([[0.1, 0.2, 0.7]]), np.array([2]))
    found = done.standing_for(np.array([5.0, 9.0, 1.0]))
    np.testing.assert_array_equal(found.values, [1, 5, 9])
    np.testing.assert_array_equal(found.probability, [[0.7, 0.1, 0.2]])
    assert found.values[found.code[0]] == 1.0


def test_the_point_estimate_is_the_median(parts):
    probability = np.array([[0.2, 0.2, 0.2, 0.4], [0.9, 0.1, 0, 0]])
    done = Completed(np.ones(2), probability, np.array([2, 0]), np.array([0.0, 1.0, 2.0, 3.0]))
    outcome = scored(TASK, "encoder", done, 0.0, parts)
    np.testing.assert_array_equal(outcome.predicted, [[2, 0]])
    np.testing.assert_array_equal(outcome.true, [2, 0])
    assert set(outcome.values) == {"nll", "crps", "pit"}


def test_ragged_targets_are_refused(tokens):
    shorter = tokens[1].select(torch.arange(len(tokens[1]) - 30))
    with pytest.raises(FoundationError, match="fixed number of discrete tokens"):
        codes_of([tokens[0], shorter], "image")


def test_correlation_of_completed_spectra_is_that_with_the_measured_ones(encoder, observed, tokens):
    samples = observed.at(range(len(tokens)))
    true = codes_of(tokens, "spectrum_sdss")
    spectra = [s["spectrum_sdss"] for s in samples]
    found = correlations(encoder.tokenizers.decode, tokens, true, "spectrum_sdss", spectra)
    for value, sample, codes in zip(found, samples, true, strict=True):
        flux = np.repeat((codes + 0.5) / 32 * 8, 8)  # what the codes of these tokenizers stand for
        assert value == pytest.approx(np.corrcoef(flux, sample["spectrum_sdss"].flux)[0, 1])
    flat = np.zeros_like(true)
    assert np.isnan(correlations(encoder.tokenizers.decode, tokens, flat, "spectrum_sdss", spectra)).all()


def test_the_most_probable_codes_come_in_the_order_of_the_tokens(encoder, tokens):
    done = complete(encoder, tokens, ["image"], "spectrum_sdss")
    batch = pack([asked(tokens[1], ["image"], "spectrum_sdss")], encoder.spaces)
    with torch.no_grad():
        prediction = encoder.predict(encoder(batch), batch)["spectrum_sdss"]
    order = torch.argsort(batch.token[prediction.rows])
    assert done.best[1].tolist() == prediction.distribution.logits.argmax(-1)[order].tolist()
