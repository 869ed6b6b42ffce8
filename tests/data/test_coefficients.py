"""Coefficients: parts that fit, and a covariance laid out as Gaia lays out its correlations."""

import numpy as np
import pytest

from foundation.data.coefficients import Coefficients
from foundation.data.records import Sample
from foundation.data.shards import RecordShards, write_records
from foundation.errors import RecordError


def test_correlations_are_above_the_diagonal_column_by_column():
    one = Coefficients(*map(np.array, ([1.0, 2.0, 3.0], [1.0, 10.0, 100.0], [0.1, 0.2, 0.3])))
    expected = [[1, 1, 20], [1, 100, 300], [20, 300, 10000]]  # 0.1 is (0, 1), then 0.2 (0, 2), 0.3 (1, 2)
    np.testing.assert_allclose(one.covariance, expected, rtol=1e-6)
    np.testing.assert_allclose(Coefficients(np.ones(1), np.array([3.0])).covariance, [[9]])


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (([1.0, 2.0], [1.0]), "Give one error each"),
        (([1.0], [0.0]), "not positive"),
        (([np.nan], [1.0]), "not finite"),
        (([1.0, 2.0], [1.0, 1.0], [0.1, 0.2]), "Give 1"),
    ],
)
def test_refusals(parts, message):
    with pytest.raises(RecordError, match=message):
        Coefficients(*map(np.array, parts))


def test_shards_keep_them(tmp_path):
    whole = Coefficients(np.arange(1, 4.0), np.ones(3), np.array([0.1, 0.2, 0.3]), "gaia-bp-56", 2, "gaia")
    samples = [Sample("a", {"c": whole}), Sample("b", {"c": Coefficients(np.ones(2), np.ones(2))})]
    write_records(samples, tmp_path / "out")
    first, second = (s["c"] for s in RecordShards(tmp_path / "out"))
    np.testing.assert_array_equal(first.correlation, whole.correlation)
    assert (first.basis, first.relevant, second.correlation) == ("gaia-bp-56", 2, None)
