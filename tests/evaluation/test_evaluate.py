"""The whole evaluation of an encoder: baselines beside every task, numbers that can be traced, a report that opens."""

import csv
import json
import re

import pytest
import torch
import yaml

from foundation.cli import call
from foundation.errors import FoundationError
from foundation.evaluation import evaluate as verb
from foundation.evaluation.features import weights_hash
from foundation.evaluation.suite import Settings
from foundation.evaluation.tasks import Split, Task
from foundation.model.pretrained import FoundationModel

REDSHIFT = {"where": {"class": ("GALAXY", "QSO")}, "transform": "log1p", "metrics": ("sigma_nmad", "r2")}
TASKS = (
    Task("z", "regression", ("spectrum_sdss",), "z", few=(10, 40, 10_000), published={"AION-1 base": 0.01}, **REDSHIFT),
    Task("more", "regression", ("spectrum_sdss", "flux_g"), "z", **REDSHIFT),
    Task("class", "classification", ("spectrum_sdss", "flux_g"), "class"),
    Task("elsewhere", "classification", ("spectrum_sdss",), "class", test="others"),
    Task("alike", "retrieval", ("spectrum_sdss",), "class", metrics=("map",)),
    Task("same", "retrieval", ("image",), gallery=("spectrum_sdss",)),
    Task("complete_z", "completion", ("image",), "redshift", metrics=("nll", "crps", "r2")),
    Task("complete_spectrum", "completion", ("image",), "spectrum_sdss", metrics=("nll", "correlation")),
    Task("blob", "segmentation", ("image",), "segmap"),
)
SETTINGS = Settings(probes=("linear", "attentive"), seeds=2)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory, sky, another_sky, encoder):
    """Results and the directory they are in."""
    out = tmp_path_factory.mktemp("evaluation")
    run = out / "run" / "pretraining"
    run.mkdir(parents=True)
    (run / "metrics.csv").write_text("step,train/loss\n1,3\n2,2\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FoundationModel, "of_tokens", classmethod(lambda cls, name, device: encoder))
        results = verb.evaluate(
            out / "model", sky, out=out, tasks=TASKS, sets={"others": another_sky}, settings=SETTINGS,
            runs=(out / "run",), report=out / "elsewhere" / "page.html",
        )  # fmt: skip
    return results, out


@pytest.fixture(scope="module")
def content(evaluated):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads((evaluated[1] / "results.json").read_text(), parse_constant=refuse)


def test_every_task_stands_beside_its_baselines(content):
    sources = {t["task"]["name"]: {r["source"] for r in t["rows"]} for t in content["tasks"]}
    assert set(sources) == {t.name for t in TASKS}
    for name, found in sources.items():
        wanted = {"encoder", "marginal"} if name.startswith("complete") else {"encoder", "raw input", "random encoder"}
        assert found == wanted, name


def test_baselines_get_the_same_probes_as_far_as_they_have_tokens(content):
    task = next(t for t in content["tasks"] if t["task"]["name"] == "z")
    probes = {
        s: [r["probe"] for r in task["rows"] if r["source"] == s] for s in ("encoder", "random encoder", "raw input")
    }
    assert probes == {
        "encoder": ["linear", "attentive"],
        "random encoder": ["linear", "attentive"],
        "raw input": ["linear"],
    }


def test_every_number_has_an_interval(content):
    for task in content["tasks"]:
        for row in task["rows"]:
            assert set(row["scores"]) == set(row["spread"])
            for score in row["scores"].values():
                assert score["low"] <= score["high"]
                assert score["low"] - 0.5 <= score["value"] <= score["high"] + 0.5


def test_one_probe_stands_for_each_source_and_is_compared(content):
    for task in content["tasks"]:
        chosen = [r["source"] for r in task["rows"] if r["chosen"]]
        assert sorted(chosen) == sorted({r["source"] for r in task["rows"]})
        assert {c["against"] for c in task["comparisons"]} == set(chosen) - {"encoder"}
        assert all(0 <= c["difference"]["probability"] <= 1 for c in task["comparisons"])


def test_the_numbers_can_be_traced(content, encoder, sky):
    assert content["schema"] == 1
    assert content["model"]["weights"] == weights_hash(encoder)
    assert content["model"]["tokenizers"] == encoder.tokenizers.fingerprint()
    assert content["settings"]["pool"] == "mean"
    assert content["settings"]["seeds"] == 2
    assert content["environment"]["torch"] == torch.__version__
    assert json.loads((sky / "manifest.json").read_text())["samples"] == 240
    assert "240 objects" in content["data"]["main"]


def test_the_raw_spectrum_tells_class_and_redshift_and_shuffled_keys_do_not(content):
    found = {t["task"]["name"]: t for t in content["tasks"]}
    raw = {
        n: next(r for r in t["rows"] if r["source"] == "raw input") for n, t in found.items() if n in ("z", "elsewhere")
    }
    assert raw["z"]["scores"]["r2"]["value"] > 0.5
    assert raw["elsewhere"]["scores"]["macro_f1"]["value"] > 0.95
    assert found["elsewhere"]["tested"] == 60
    assert found["elsewhere"]["on"] == "others"


def test_an_untrained_head_does_not_beat_the_marginal(content):
    task = next(t for t in content["tasks"] if t["task"]["name"] == "complete_z")
    nll = {r["source"]: r["scores"]["nll"]["value"] for r in task["rows"]}
    assert nll["encoder"] > nll["marginal"]


def test_what_more_inputs_tell_stands_beside_the_tasks(evaluated, content):
    told = {g["source"]: g for g in content["added"]}
    assert set(told) == {"encoder", "random encoder", "raw input"}
    for source, gain in told.items():
        assert (gain["few"], gain["more"], gain["metric"]) == ("z", "more", "sigma_nmad")
        for name, side in (("z", "before"), ("more", "after")):
            rows = next(t["rows"] for t in content["tasks"] if t["task"]["name"] == name)
            assert next(r for r in rows if r["chosen"] and r["source"] == source)["scores"]["sigma_nmad"] == gain[side]
    assert "What more inputs tell" in (evaluated[1] / "elsewhere" / "page.html").read_text()


def test_splits_are_written_and_disjoint(evaluated, content):
    for task in TASKS:
        with (evaluated[1] / "splits" / f"{task.name}.csv").open() as file:
            rows = list(csv.DictReader(file))
        parts = {p: {r["key"] for r in rows if r["part"] == p} for p in ("train", "validation", "test")}
        assert sum(map(len, parts.values())) == len(rows) == len({r["key"] for r in rows})
        tested = next(t["tested"] for t in content["tasks"] if t["task"]["name"] == task.name)
        assert len(parts["test"]) == tested
    assert {k.split("-")[1] for k in parts["test"]} == {"0"}


def test_the_report_holds_all_pictures_and_nothing_from_outside(evaluated):
    out = evaluated[1]
    page = (out / "elsewhere" / "page.html").read_text()
    sources = re.findall(r'<img [^>]*src="([^"]*)"', page)
    assert len(sources) == len(list((out / "pictures").glob("*.png"))) >= 20
    assert all(s.startswith("data:image/png;base64,") for s in sources)
    assert "http" not in page
    assert "<script" not in page
    for words in (
        "What was found",
        "Training",
        "What the tokenizers keep",
        "random encoder",
        "σ_NMAD",
        "Maps of the embedding",
    ):
        assert words in page


def test_the_features_are_cached_for_the_next_evaluation(evaluated, sky, encoder, monkeypatch, capsys):
    monkeypatch.setattr(FoundationModel, "of_tokens", classmethod(lambda cls, name, device: encoder))
    monkeypatch.setattr(encoder, "encode", None)  # calling it would fail
    again = verb.evaluate(evaluated[1] / "model", sky, out=evaluated[1], tasks=TASKS[:1], settings=SETTINGS)
    assert [r.scores for r in again[0].rows] == [r.scores for r in evaluated[0][0].rows]
    assert "report:" in capsys.readouterr().out


def test_tasks_come_from_yaml_and_unknown_keys_are_errors(tmp_path, monkeypatch, capsys):
    def receive(tasks, sets):
        raise FoundationError(f"{tasks} {sets}")

    task = {"name": "z", "kind": "regression", "inputs": ["image"], "target": "z", "split": {"test": 0.4}}
    config = tmp_path / "tasks.yaml"
    config.write_text(yaml.safe_dump({"tasks": [task], "settings": {"seeds": 1}}))
    monkeypatch.setattr(verb, "check", receive)
    arguments = ["model", "records", "--config", str(config), "--out", str(tmp_path / "out"), "--sets.real", "there"]
    with pytest.raises(FoundationError, match=r"inputs=\('image',\).*test=0.4.*'real': PosixPath\('there'\)"):
        call(verb.evaluate, arguments, "foundation evaluate")
    config.write_text(yaml.safe_dump({"tasks": [{**task, "colour": "red"}]}))
    with pytest.raises(SystemExit):
        call(verb.evaluate, arguments, "foundation evaluate")
    assert "colour" in capsys.readouterr().err


def test_without_tasks_it_says_what_to_add(tmp_path):
    with pytest.raises(FoundationError, match=r"--config configs/evaluate.yaml"):
        verb.evaluate(tmp_path, tmp_path, out=tmp_path)


def test_settings_want_a_seed_and_a_probe():
    with pytest.raises(FoundationError, match="at least one of each"):
        Settings(seeds=0)
    assert Split().test > 0
