"""Tracks keep missing places apart and survive shards bit for bit."""

import numpy as np
import pytest

from foundation.data.biology.track import Track
from foundation.data.records import RecordError, Sample
from foundation.data.shards import RecordShards, write_records


def test_missing_places_are_told_apart():
    assert Track(np.array([0.5, np.nan, 2])).known.tolist() == [True, False, True]
    assert Track(np.array([0, -1, 1]), ("no", "yes")).known.tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("values", "categories", "sentence"),
    [
        ([], (), "at least one place"),
        ([[1.0]], (), "one axis"),
        ([np.inf, 1], (), "1 values are infinite"),
        ([0, 2], ("no", "yes"), "from 0 to 2 number 2 categories"),
        ([0, -2], ("no", "yes"), "-1 where not known"),
        ([0.0, 1.0], ("no", "yes"), "Give whole numbers"),
        ([0], ("no", "no"), "each once"),
    ],
)
def test_what_is_no_track_is_refused(values, categories, sentence):
    with pytest.raises(RecordError, match=sentence):
        Track(np.array(values), categories)


def test_tracks_go_to_shards_and_back(tmp_path):
    numbers, names = Track(np.array([0.25, np.nan]), unit="log2"), Track(np.array([1, -1, 0]), ("none", "donor"))
    write_records([Sample("a", {"phylop": numbers, "splice": names}), Sample("b", {"phylop": numbers})], tmp_path / "x")
    first, second = RecordShards(tmp_path / "x")
    np.testing.assert_array_equal(first["phylop"].values, np.float32([0.25, np.nan]))
    assert (first["splice"].values.dtype, first["splice"].values.tolist()) == (np.int8, [1, -1, 0])
    assert (first["splice"].categories, second["phylop"].unit) == (("none", "donor"), "log2")
