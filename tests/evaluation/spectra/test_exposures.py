"""Other exposures of spectra: what changes and what does not, and that probes learn to rely on neither."""

from dataclasses import replace

import numpy as np
import pytest

from foundation.data.records import Spectrum
from foundation.errors import FoundationError
from foundation.evaluation.metrics import metric
from foundation.evaluation.outcome import decided
from foundation.evaluation.probing import Question, posed, probe
from foundation.evaluation.problem import Features
from foundation.evaluation.spectra.exposures import Exposures
from foundation.evaluation.spectra.features import SpectralFeatures
from foundation.evaluation.spectra.observed import read_observed
from foundation.evaluation.tasks import Split, Task

PIXELS = 8000


@pytest.fixture
def spectrum():
    draw = np.random.default_rng(0)
    wavelength = np.geomspace(3600, 10400, PIXELS)
    ivar = draw.uniform(0.5, 2, PIXELS)
    ivar[100:200] = 0
    return Spectrum(draw.normal(3, 1, PIXELS), wavelength, ivar)


def test_calibration_is_smooth_and_changes_no_signal_to_noise(spectrum):
    exposed = Exposures(1, calibration=0.3, noise=1).expose(spectrum, np.random.default_rng(1))
    kept = spectrum.usable
    np.testing.assert_allclose(
        (exposed.flux * np.sqrt(exposed.ivar))[kept], (spectrum.flux * np.sqrt(spectrum.ivar))[kept], rtol=1e-5
    )
    error = np.log(exposed.flux / spectrum.flux)
    cubic = np.polynomial.Polynomial.fit(np.log(spectrum.wavelength), error, 3)
    np.testing.assert_allclose(cubic(np.log(spectrum.wavelength)), error, atol=1e-5)
    assert np.ptp(error) > 0.05
    assert np.array_equal(exposed.usable, kept) and np.array_equal(exposed.wavelength, spectrum.wavelength)


def test_noise_is_what_the_inverse_variance_says(spectrum):
    exposed = Exposures(1, calibration=0, noise=3).expose(spectrum, np.random.default_rng(2))
    kept = spectrum.usable
    assert np.array_equal(exposed.flux[~kept], spectrum.flux[~kept])
    added = 1 / exposed.ivar[kept] - 1 / spectrum.ivar[kept]
    assert (added > 0).all()
    pull = (exposed.flux - spectrum.flux)[kept] / np.sqrt(added)
    assert pull.std() == pytest.approx(1, abs=0.03) and pull.mean() == pytest.approx(0, abs=0.05)


def test_an_exposure_is_the_same_each_time_and_no_other(shards, spectral_model):
    [observed] = read_observed(shards / "tested", "tested", ("spectrum_gaia",), spectral_model.cut).values()
    exposures = Exposures(2)
    first, second = exposures.of(observed)
    again, _ = exposures.of(observed)
    assert first.keys == observed.keys and first.about.name not in (second.about.name, observed.about.name)
    assert all(np.array_equal(a.flux, b.flux) for a, b in zip(first.spectra, again.spectra, strict=True))
    assert not any(np.array_equal(a.flux, b.flux) for a, b in zip(first.spectra, second.spectra, strict=True))


@pytest.mark.parametrize("wrong", [{"count": -1}, {"calibration": -0.1}, {"noise": 0.5}])
def test_numbers_out_of_range_are_refused(wrong):
    with pytest.raises(FoundationError, match="1 or more times the noise"):
        Exposures(**wrong)


@pytest.fixture
def asked(shards, spectral_model):
    """The class, from one set to another."""
    sets = [read_observed(shards / n, n, ("spectrum_gaia",), spectral_model.cut) for n in ("learned", "tested")]
    learned, tested = (s["spectrum_gaia"].about for s in sets)
    task = Task("c", "classification", ("spectrum_gaia",), "class", test="tested", split=Split(0.25, 0.25))
    return Question.of(task, learned, tested)


def test_no_exposure_of_an_object_that_validates_is_learned_from(asked):
    n, parts = len(asked.target), asked.parts(0)
    learned = Features(np.zeros((3 * n, 2), dtype=np.float32))
    problem = posed(asked, parts, learned, Features(np.zeros((len(asked.test_index), 2), dtype=np.float32)))
    assert sorted(problem.train.tolist()) == sorted(i + n * k for i in parts.train.tolist() for k in range(3))
    assert not set((problem.train % n).tolist()) & set(problem.validation.tolist())
    assert np.array_equal(problem.target, np.concatenate([asked.target] * 3))


def test_a_probe_stops_to_rely_on_what_another_exposure_changes(asked):
    """One feature tells the class surely and is wrong elsewhere; three tell it with noise, wherever."""
    draw = np.random.default_rng(0)
    classes = np.eye(3, dtype=np.float32)

    def features(target, sure):
        noisy = classes[target] + draw.normal(0, 0.4, (len(target), 3))
        return Features(np.concatenate([noisy, 3 * sure], 1).astype(np.float32))

    def anyhow(target):
        return classes[draw.integers(3, size=len(target))]

    own, other = features(asked.target, classes[asked.target]), features(asked.target, anyhow(asked.target))
    tested = features(asked.test_target, anyhow(asked.test_target))
    found = []
    for parts in ([own], [own, other, other]):
        outcome = probe(asked, "encoder", "linear", Features.end_to_end(parts), tested, range(1))
        found.append(metric("accuracy").function(decided(outcome.predicted)[0], outcome.true))
    assert found[1] > found[0] + 0.2


def test_joined_features_keep_the_tokens_of_every_object(shards, spectral_model):
    [gaia] = read_observed(shards / "tested", "tested", ("spectrum_gaia",), spectral_model.cut).values()
    [worse] = Exposures(1).of(gaia)
    one, other = dict(SpectralFeatures(spectral_model, bins=4).each(gaia, worse))["encoder"]
    some = np.array([3, 1])
    joined = Features.end_to_end([one.at(some), other.at(some)])
    for place, (part, i) in enumerate([(one, 3), (one, 1), (other, 3), (other, 1)]):
        expected = part.tokens[int(part.begin[i]) : int(part.begin[i] + part.count[i])]
        begin = int(joined.begin[place])
        assert np.array_equal(joined.tokens[begin : begin + int(joined.count[place])], expected)
        assert np.array_equal(joined.pooled[place], part.pooled[i])
    assert Features.end_to_end([one, replace(other, tokens=None)]).tokens is None
