"""The same object is found where it is among the entries, and places on the sky are the same in all surveys."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from foundation.__main__ import main
from foundation.data.shards import write_records
from foundation.errors import FoundationError
from foundation.evaluation.find import _separation, find
from foundation.evaluation.places import grid_of, windows

from .small_model import PIXELS, blobs, on_the_sky, write_model

FIELD = blobs(96, seed=7, count=40)
SIDE = 3


def places():
    return grid_of(on_the_sky(FIELD)["image"], SIDE, PIXELS)


def test_places_reach_the_edges_and_no_further():
    sample = on_the_sky(FIELD)
    cut = list(windows(sample, "image", places(), PIXELS, upright=False))
    assert [s.key for s in cut] == [f"field@{i}" for i in range(SIDE**2)]
    np.testing.assert_array_equal(cut[0]["image"].flux, FIELD[:, :PIXELS, :PIXELS].astype("f4"))
    np.testing.assert_array_equal(cut[-1]["image"].flux, FIELD[:, -PIXELS:, -PIXELS:].astype("f4"))
    assert [cut[4].origin["ra"], cut[4].origin["dec"]] == pytest.approx([30.0, 0.0], abs=1e-4)
    assert not len(grid_of(on_the_sky(FIELD[:, :PIXELS, :PIXELS])["image"], SIDE, PIXELS))


@pytest.mark.parametrize("upright", [False, True])
def test_a_mirrored_survey_is_cut_at_the_same_places(upright):
    sky = places()
    here = list(windows(on_the_sky(FIELD), "image", sky, PIXELS, upright))
    there = list(windows(on_the_sky(FIELD, east_is_left=False), "image", sky, PIXELS, upright))
    assert len(here) == len(there) == SIDE**2
    for a, b in zip(here, there, strict=True):
        turned = b["image"].flux if upright else b["image"].flux[:, :, ::-1]
        np.testing.assert_array_equal(a["image"].flux, turned)
        assert a.origin["ra"] == b.origin["ra"]


def test_places_outside_of_an_image_are_left_out():
    corner = on_the_sky(FIELD[:, 20:76, 20:76])  # of the same centre
    assert [s.key for s in windows(corner, "image", places(), PIXELS, upright=False)] == ["field@4"]


def test_angles_on_the_sky():
    a = np.array([[0.0, 0.0], [359.9999, 60.0]])
    b = np.array([[1 / 3600, 0.0], [0.0001, 60.0], [np.nan, 1.0]])
    found = _separation(a, b)
    assert found[0, 0] == pytest.approx(1.0, rel=1e-6)
    assert found[1, 1] == pytest.approx(0.0002 * 3600 * 0.5, rel=1e-5)
    assert np.isnan(found[:, 2]).all()


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """One field by two cameras, the second with East to the right, and forty other fields far away."""
    path = tmp_path_factory.mktemp("find")
    others = [on_the_sky(blobs(40, seed=100 + i), key=f"other-{i}") for i in range(40)]
    others = [replace(s, origin={"ra": 90.0 + i, "dec": 0.0}) for i, s in enumerate(others)]
    write_records([on_the_sky(FIELD, "PS1")], path / "query")
    write_records([on_the_sky(FIELD, east_is_left=False, key="same"), *others], path / "among")
    return path, write_model(path / "model")


def table(path):
    return list(csv.DictReader((path / "found.csv").read_text().splitlines()))


def test_the_same_place_is_found_among_others(searched, tmp_path, capsys):
    path, model = searched
    arguments = [str(model), str(path / "query"), str(path / "among"), "--camera", "DES", "--places", str(SIDE)]
    assert main(["find", *arguments, "--upright", "true", "--out", str(tmp_path)]) == 0
    rows = table(tmp_path)
    assert len(rows) == 3 * SIDE**2
    for row in rows:  # what is equal in every pixel is equal in all features
        number = row["query"].partition("@")[2]
        assert row["place_of_the_same"] == "1" and row["nearest_1"] == f"same@{number}"
    assert f"raw input  {SIDE**2} of {40 + SIDE**2}  1.00  1" in capsys.readouterr().out
    assert len(list((tmp_path / "pictures").glob("found_*.png"))) == 3
    assert "Neighbours by raw input" in (tmp_path / "report.html").read_text()


def test_mirrored_pixels_are_others(searched, tmp_path):
    path, model = searched
    find(model, path / "query", [path / "among"], out=tmp_path, camera="DES", places=SIDE)
    raw = [int(r["place_of_the_same"]) for r in table(tmp_path) if r["features"] == "raw input"]
    assert max(raw) > 1


def test_the_middle_without_places_and_no_object_twice(searched, tmp_path):
    """A query is not its own neighbour, and what lies nowhere on the sky has no place."""
    path, model = searched
    find(model, path / "among", [path / "among"], out=tmp_path, camera="DES")
    rows = [r for r in table(tmp_path) if r["features"] == "encoder"]
    assert len(rows) == 41 and all(r["place_of_the_same"] == "" for r in rows)
    assert all(r["query"] not in [r[f"nearest_{i}"] for i in range(1, 9)] for r in rows)


def test_a_query_alone_finds_nothing(searched, tmp_path):
    path, model = searched
    find(model, path / "query", [path / "query"], out=tmp_path, camera="DES")
    assert {(r["place_of_the_same"], r["nearest_1"]) for r in table(tmp_path)} == {("", None)}


def test_what_is_wrong_is_one_sentence(searched, tmp_path):
    path, model = searched
    with pytest.raises(FoundationError, match=r"has tokenizers of image\. Give one as --modality"):
        find(model, path / "query", [path / "among"], out=tmp_path, modality="spectrum")
