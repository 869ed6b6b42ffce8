"""The contest of one model with many: every survey asked of both, on other objects, and gone on with when stopped."""

import json

import pytest

from foundation.__main__ import main
from foundation.data.shards import RecordShards
from foundation.errors import FoundationError
from foundation.evaluation.spectra.joint import Contest, verdict

YAML = """
contest: {surveys: [spectrum_sdss, spectrum_gaia], objects: 12, tested: 6, stars: 0.6, passes: 1, patches: 400,
  seeds: 1}
model: {width: 16, depth: 1, decoder_depth: 1, heads: 2}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("contest")
    (root / "c.yaml").write_text(YAML)

    def run():
        assert main(["bench", "surveys", "--config", str(root / "c.yaml"), "--out", str(root / "out")]) == 0
        return root / "out"

    return run


@pytest.fixture(scope="module")
def written(run):
    return run()


def test_every_survey_is_asked_of_one_model_and_of_all(written):
    content = json.loads((written / "results.json").read_text())
    assert set(content["chi2"]) == {f"{s}, {a}" for s in ("spectrum_sdss", "spectrum_gaia") for a in
                                    ("hidden spans", "fresh noise")}  # fmt: skip
    who = content["chi2"]["spectrum_gaia, fresh noise"]
    assert {name: len(v) for name, v in who.items()} == {"all": 1, "spectrum_gaia": 1, "untrained": 1}
    assert who["all"] != who["spectrum_gaia"]


def test_no_tested_object_was_learned_from(written):
    keys = [{sample.key for sample in RecordShards(written / part)} for part in ("learned", "tested")]
    assert len(keys[0]) == 12 and len(keys[1]) == 6 and not keys[0] & keys[1]


def test_going_on_trains_nothing_again(written, run):
    before = (written / "results.json").read_text()
    checkpoints = {p: p.stat().st_mtime_ns for p in written.glob("*/checkpoints/*.ckpt")}
    assert len(checkpoints) >= 3
    run()
    assert (written / "results.json").read_text() == before
    assert {p: p.stat().st_mtime_ns for p in written.glob("*/checkpoints/*.ckpt")} == checkpoints


@pytest.mark.parametrize(
    ("together", "says"), [((1.0, 1.1), "better"), ((1.2, 1.35), "the same"), ((1.3, 1.5), "worse")]
)
def test_seeds_make_an_interval(together, says):
    assert verdict((1.2, 1.3), together) == says


def test_refusals():
    with pytest.raises(FoundationError, match="Give two surveys"):
        Contest(surveys=("spectrum_sdss",))
    with pytest.raises(FoundationError, match="more than 0"):
        Contest(passes=0)
