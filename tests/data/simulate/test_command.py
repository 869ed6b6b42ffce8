"""The verb: the same bytes from any number of workers, disjoint parts of one sky, a page to look at."""

import hashlib

import pytest

from foundation.__main__ import main
from foundation.data.shards import RecordShards
from foundation.data.simulate.command import simulated, sky
from foundation.data.simulate.sky import SkySurvey
from foundation.errors import FoundationError


def digest(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.tar")}


def test_workers_do_not_change_a_byte(tmp_path):
    options = ["--objects", "40", "--seed", "1", "--image_size", "16"]
    assert main(["simulate", "sky", "--out", str(tmp_path / "one"), *options]) == 0
    assert main(["simulate", "sky", "--out", str(tmp_path / "three"), *options, "--workers", "2"]) == 0
    assert digest(tmp_path / "one") == digest(tmp_path / "three") != {}
    shards = RecordShards(tmp_path / "one")
    assert len(shards) == 40
    assert [s.key for s in shards] == [s.key for s in SkySurvey(seed=1, image_size=16).samples(40)]


def test_a_later_start_continues_the_sky():
    survey = SkySurvey(image_size=0)
    whole = [s.key for s in simulated(survey, 6)]
    assert [s.key for s in simulated(survey, 3, start=3)] == whole[3:]


def test_picture_is_a_png(tmp_path):
    sky(out=tmp_path / "sky", objects=3, image_size=24, picture=tmp_path / "page.png")
    assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("options", [{"objects": 0}, {"start": -1}])
def test_nothing_to_do_is_an_error(tmp_path, options):
    with pytest.raises(FoundationError, match="Try --objects"):
        sky(out=tmp_path / "sky", **options)
    assert not (tmp_path / "sky").exists()
