"""Splits: disjoint, complete, stable, by object, and not by place in the file."""

import dataclasses

import numpy as np
import pytest

from foundation.errors import FoundationError
from foundation.evaluation.split import Parts, divide, objects_on_sky, split_hash, uniform
from foundation.evaluation.tasks import Split

NAMES = tuple(f"object-{i}" for i in range(4000))


def named(part, names):
    return {names[i] for i in part}


def test_parts_are_disjoint_complete_and_of_the_asked_size():
    parts = divide(NAMES, Split(0.2, 0.3), probe_seed=0)
    together = np.concatenate([parts.train, parts.validation, parts.test])
    assert sorted(together) == list(range(len(NAMES)))
    assert len(parts.test) / len(NAMES) == pytest.approx(0.3, abs=0.03)
    assert len(parts.validation) / len(NAMES) == pytest.approx(0.2, abs=0.03)


def test_an_object_keeps_its_part_whatever_the_others_are():
    shuffled = tuple(np.random.default_rng(0).permutation(NAMES)[:1000].tolist())
    whole, few = divide(NAMES, Split(), 0), divide(shuffled, Split(), 0)
    assert named(few.test, shuffled) == named(whole.test, NAMES) & set(shuffled)
    assert named(few.train, shuffled) == named(whole.train, NAMES) & set(shuffled)


def test_the_test_part_ignores_the_probe_seed_and_the_others_do_not():
    a, b = divide(NAMES, Split(), 0), divide(NAMES, Split(), 1)
    np.testing.assert_array_equal(a.test, b.test)
    assert set(a.validation) != set(b.validation)


def test_another_split_seed_draws_another_test_part():
    assert set(divide(NAMES, Split(), 0).test) != set(divide(NAMES, Split(seed=1), 0).test)


def test_rows_of_one_object_stay_together():
    twice = (*NAMES[:500], *NAMES[:500])
    parts = divide(twice, Split(), 0)
    for part in (parts.train, parts.validation, parts.test):
        assert {i % 500 for i in part if i < 500} == {i % 500 for i in part if i >= 500}


def test_uniform_is_uniform_and_independent_between_salts():
    a, b = uniform(NAMES, "a"), uniform(NAMES, "b")
    assert np.histogram(a, 10, (0, 1))[0].min() > 330
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.05


def test_a_known_value_does_not_change_between_versions():
    by_coreutils = "979f2db53b6f4ffc"  # printf 'test 0 object-0' | b2sum -l 64
    assert uniform(["object-0"], "test 0")[0] == int(by_coreutils, 16) / 2**64


def test_too_few_objects_is_a_sentence():
    with pytest.raises(FoundationError, match=r"no two objects to .*Give more records"):
        divide(NAMES[:3], Split(), 0)


def test_split_hash_knows_who_is_where_and_not_in_which_order():
    parts = Parts(np.arange(5), np.arange(5, 8), np.arange(8, 12))
    turned = Parts(np.arange(5)[::-1], np.arange(5, 8), np.arange(8, 12))
    other = Parts(np.arange(6), np.arange(6, 8), np.arange(8, 12))
    assert split_hash(NAMES, parts) == split_hash(NAMES, turned)
    assert split_hash(NAMES, parts) != split_hash(NAMES, other)


def test_exposures_within_an_arcsec_are_one_object():
    dec = 60.0
    near = 0.9 / 3600 / np.cos(np.radians(dec))  # degrees of right ascension that are 0.9 arcsec on the sky
    ra = np.array([10.0, 10.0 + near, 10.0 + 20 * near, np.nan, 359.99999])
    names = objects_on_sky(["b", "a", "c", "d", "e"], ra, np.array([dec, dec, dec, dec, dec]))
    assert names == ["a", "a", "c", "d", "e"]


def test_objects_across_the_origin_of_right_ascension_are_one():
    names = objects_on_sky(["a", "b"], np.array([0.0001, 359.9999]), np.zeros(2))
    assert names == ["a", "a"]


def test_without_positions_each_key_is_an_object():
    assert objects_on_sky(["x", "y"], np.full(2, np.nan), np.full(2, np.nan)) == ["x", "y"]


def test_a_split_by_cells_keeps_neighbours_together(observed):
    index = np.arange(len(observed))
    cells_of = observed.together(Split(nside=8), index)
    place = {sample.key: sample.origin["ra"] for sample in observed.samples()}
    ra = np.array([place[key] for key in observed.keys])
    assert len(set(cells_of)) < len(set(observed.together(Split(), index))) == len(observed)
    for cell in set(cells_of):  # all lie on the equator, where cells are 5 to 8 degrees wide
        inside = ra[[c == cell for c in cells_of]]
        assert np.ptp(inside) < 12
    parts = divide(cells_of, Split(nside=8), 0)
    of_part = [{cells_of[i] for i in part} for part in (parts.train, parts.validation, parts.test)]
    assert sum(map(len, of_part)) == len(set(cells_of))
    lost = dataclasses.replace(observed, sky=np.full((len(observed), 2), np.nan))
    with pytest.raises(FoundationError, match="Leave `nside` out"):
        lost.together(Split(nside=8), index)
