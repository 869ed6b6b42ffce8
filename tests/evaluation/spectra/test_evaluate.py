"""The verb from a YAML: numbers beside baselines, across surveys, with few labels; a report that has them all."""

import json

import pytest

from foundation.__main__ import main
from foundation.data.records import Sample
from foundation.data.shards import write_records
from foundation.errors import FoundationError
from foundation.evaluation.spectra import evaluate
from foundation.evaluation.spectra.exposures import Exposures
from foundation.evaluation.spectra.study import SpectralQuestion, Study

YAML = """
study:
  probes: [linear]
  seeds: 2
  exposures: {count: 1}
  budgets: [8, 20]
  templates: 12
  components: 3
  questions:
    - {target: class, kind: classification, surveys: [spectrum_sdss], transfers: [[spectrum_sdss, spectrum_desi]]}
    - {target: z, kind: regression, surveys: [spectrum_desi], where: {class: [GALAXY, QSO]}, transform: log1p,
       metrics: [sigma_nmad]}
  same: [[spectrum_sdss, spectrum_desi]]
  predicted: [[spectrum_sdss, spectrum_desi]]
"""


@pytest.fixture(scope="module")
def written(shards, skies, spectral_model, tmp_path_factory):
    root = tmp_path_factory.mktemp("evaluation")
    spectral_model.save_pretrained(root / "model")
    (root / "study.yaml").write_text(YAML)
    few = [Sample(s.key, s.records, {"class": s.labels["class"]}) for s in skies[1]]
    write_records(few, root / "few")
    options = [
        "--real.few",
        str(root / "few"),
        "--learned",
        str(shards / "learned"),
        "--tested",
        str(shards / "tested"),
        "--out",
        str(root / "out"),
    ]
    assert main(["spectra", "evaluate", str(root / "model"), "--config", str(root / "study.yaml"), *options]) == 0
    return root / "out"


def test_results_hold_every_answer_with_intervals_and_baselines(written):
    content = json.loads((written / "results.json").read_text())
    tasks = {t["task"]["name"]: t for t in content["tasks"]}
    assert set(tasks) == {
        "class_spectrum_sdss_tested",
        "class_spectrum_sdss_to_spectrum_desi_tested",
        "class_spectrum_sdss_few",
        "class_spectrum_sdss_to_spectrum_desi_few",
        "z_spectrum_desi_tested",
        "same_spectrum_sdss_to_spectrum_desi",
    }
    transfer = tasks["class_spectrum_sdss_to_spectrum_desi_tested"]
    assert {r["source"] for r in transfer["rows"]} == {"encoder", "random encoder", "raw input", "template scan"}
    assert transfer["tested"] == 24
    for row in transfer["rows"]:
        score = row["scores"]["macro_f1"]
        assert 0 <= score["low"] <= score["value"] <= score["high"] <= 1
    scan = next(r for r in transfer["rows"] if r["source"] == "template scan")
    assert scan["scores"]["accuracy"]["value"] > 0.6
    predicted, again = content["predicted"]
    assert predicted["objects"] == 24 and again["chi2"] == predicted["chi2"]
    assert predicted["chi2"]["constant"]["value"] > predicted["chi2"]["model"]["value"]
    curves = {c["task"]: c["points"] for c in content["efficiency"]}
    assert set(curves) == {"class_spectrum_sdss_tested", "z_spectrum_desi_tested"}
    assert [p["labels"] for p in curves["class_spectrum_sdss_tested"]["encoder"]] == [8, 20]


def test_the_report_has_a_picture_of_everything(written):
    page = (written / "report.html").read_text()
    for said in ("With few labels", "Maps", "Predicted at another survey", "the same object from spectrum_sdss"):
        assert said.lower() in page.lower()
    names = {p.stem for p in (written / "pictures").glob("*.png")}
    assert {"chi2", "label_efficiency", "map_pca", "predicted_spectrum_sdss_spectrum_desi_few"} <= names
    assert all(p.read_bytes().startswith(b"\x89PNG") for p in (written / "pictures").glob("*.png"))


def test_tested_objects_were_not_learned_from(written):
    lines = (written / "splits" / "class_spectrum_sdss_tested.csv").read_text().splitlines()[1:]
    parts = dict(line.split(",") for line in lines)
    assert len(parts) == len(lines) == 48 + 24
    assert sum(part == "test" for part in parts.values()) == 24


def test_a_question_that_says_so_learns_from_no_other_exposure(shards, spectral_model, tmp_path, monkeypatch):
    seen, answers = {}, evaluate.answers

    def watching(question, study, learned, *rest):
        seen[question.target] = {modality: len(some) for modality, some in learned.items()}
        return answers(question, study, learned, *rest)

    monkeypatch.setattr(evaluate, "answers", watching)
    spectral_model.save_pretrained(tmp_path / "model")
    questions = (
        SpectralQuestion("class", "classification", ("spectrum_gaia",)),
        SpectralQuestion("teff", "regression", ("spectrum_gaia",), exposed=False),
    )
    same = (("spectrum_sdss", "spectrum_desi"),)  # from which no question learns
    study = Study(questions, same=same, exposures=Exposures(2), probes=("linear",), seeds=1, templates=0)
    sets = {"learned": shards / "learned", "tested": shards / "tested"}
    evaluate.evaluate(tmp_path / "model", **sets, out=tmp_path / "out", study=study)
    others = dict.fromkeys(same[0], 1)
    assert seen == {"class": {"spectrum_gaia": 3, **others}, "teff": {"spectrum_gaia": 1, **others}}


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Study(), "asks nothing"),
        (lambda: SpectralQuestion("z", "regression"), "neither surveys nor transfers"),
        (lambda: Study(same=(("a", "b"),), seeds=0), "Give 1 or more"),
        (lambda: Study(same=(("a", "b"),), budgets=(1,)), "budgets of 2"),
        (lambda: SpectralQuestion("z", "regression", ("a",), metrics=("beauty",)), "no metric 'beauty'"),
    ],
)
def test_refusals(make, says):
    with pytest.raises(FoundationError, match=says):
        make()
