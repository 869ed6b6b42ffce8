"""Observations: who takes part in a task, and that records are found again by their place."""

import numpy as np
import pytest

from foundation.data.records import Sample, Scalar, Spectrum
from foundation.data.shards import write_records
from foundation.errors import FoundationError
from foundation.evaluation.observations import Observations
from foundation.evaluation.tasks import Task

WAVELENGTH = np.linspace(4000, 9000, 20)


def a_spectrum(good=True):
    return Spectrum(np.ones(20), WAVELENGTH, np.full(20, float(good)))


@pytest.fixture
def observed(tmp_path):
    samples = [
        Sample("a", {"spectrum_sdss": a_spectrum(), "flux_g": Scalar(1.0, "flux_g")}, {"class": "STAR", "z": 0.0}),
        Sample("b", {"spectrum_sdss": a_spectrum(), "flux_r": Scalar(1.0, "flux_r")}, {"class": "QSO", "z": 2.0}),
        Sample("c", {"spectrum_sdss": a_spectrum()}, {"class": "QSO"}),
        Sample("d", {"flux_g": Scalar(1.0, "flux_g"), "redshift": Scalar(0.3, "redshift")}, {"z": 0.3}),
        Sample("e", {"spectrum_sdss": a_spectrum(good=False), "flux_g": Scalar(1.0, "flux_g")}, {"z": 0.4}),
    ]
    write_records(samples, tmp_path / "records", samples_per_member=2)
    return Observations.read(tmp_path / "records", "some")


def keys(observed, index):
    return "".join(observed.keys[i] for i in index)


def test_labels_become_columns_with_gaps(observed):
    np.testing.assert_array_equal(observed.labels["z"], [0, 2, np.nan, 0.3, 0.4])
    assert observed.labels["class"].tolist() == ["STAR", "QSO", "QSO", "", ""]


def test_spectra_must_be_usable_and_one_scalar_is_enough(observed):
    assert keys(observed, observed.having(["spectrum_sdss"])) == "abc"
    assert keys(observed, observed.having(["flux_g", "flux_r"])) == "abde"
    assert keys(observed, observed.having(["spectrum_sdss", "flux_g", "flux_r"])) == "ab"


def test_the_target_must_be_known(observed):
    assert keys(observed, observed.taking_part(Task("t", "regression", ("spectrum_sdss",), "z"))) == "ab"
    assert keys(observed, observed.taking_part(Task("t", "classification", ("spectrum_sdss",), "class"))) == "abc"


def test_where_keeps_the_named_classes(observed):
    task = Task("t", "regression", ("spectrum_sdss",), "z", where={"class": ("GALAXY", "QSO")})
    assert keys(observed, observed.taking_part(task)) == "b"


def test_a_completion_wants_the_record_and_a_gallery_its_modalities(observed):
    assert keys(observed, observed.taking_part(Task("t", "completion", ("flux_g",), "redshift"))) == "d"
    task = Task("t", "retrieval", ("spectrum_sdss",), gallery=("flux_g",))
    assert keys(observed, observed.taking_part(task)) == "a"


def test_nobody_is_a_sentence_that_says_what_there_is(observed):
    with pytest.raises(FoundationError, match=r"no object for task 't'.*flux_g.*spectrum_sdss.*class, z"):
        observed.taking_part(Task("t", "regression", ("image",), "z"))
    with pytest.raises(FoundationError, match="no object"):
        observed.taking_part(Task("t", "regression", ("flux_g",), "mass"))


def test_samples_are_found_by_their_places(observed):
    assert [s.key for s in observed.at([4, 0, 3, 0])] == ["e", "a", "d", "a"]
    assert [s.key for s in observed.samples()] == list("abcde")


def test_a_limit_takes_the_first(tmp_path, observed):
    few = Observations.read(observed.path, "few", limit=2)
    assert few.keys == ("a", "b")
    assert [s.key for s in few.samples()] == ["a", "b"]


def test_raw_vectors_stand_in_the_order_of_the_samples(observed):
    assert np.isfinite(observed.raw["flux_g"][:, 0]).tolist() == [True, False, False, True, True]
    assert len(observed.raw["spectrum_sdss"]) == 5
