"""Predicted splicing: what is shown, and files whose places are those of the annotation, on both strands."""

import csv
import json

import pytest
import torch

from foundation.__main__ import main
from foundation.data.biology.genes.layout import MARKS
from foundation.model.heads import Prediction
from foundation.model.tracks.pretrained import TrackModel
from foundation.sampling.genes import splice as verb
from foundation.sampling.genes.conditions import Condition
from foundation.sampling.genes.trained import tracks_model
from foundation.sampling.marginals import Stretches


class Cheating(TrackModel):
    """Looks up the answers, which no model may."""

    def predict(self, states, batch):
        found = super().predict(states, batch)
        return {name: Prediction(p.rows, _certain(p, batch)) for name, p in found.items()}


def _certain(prediction, batch):
    one_hot = torch.nn.functional.one_hot(batch.ids[prediction.rows], prediction.distribution.logits.shape[1])
    return torch.distributions.Categorical(logits=40.0 * one_hot.double())


@pytest.fixture
def genome(tmp_path):
    assert main(["simulate", "genes", f"--out={tmp_path / 'g'}", "--genes=3", "--families=2", "--seed=4"]) == 0
    return [str(tmp_path / "g" / name) for name in ("genome.fa", "genes.gff3")]


def lines_of(path):
    with open(path) as file:
        return [line.rstrip("\n").split("\t") for line in file if not line.startswith("#")]


def test_a_perfect_model_gives_back_the_annotation_of_files(genome, exported, tmp_path, monkeypatch):
    model = tracks_model(str(exported))
    perfect = Cheating(model.config, model.spaces, model.tokenizers)
    monkeypatch.setattr(verb, "tracks_model", lambda *_: perfect)
    assert main(["genes", "splice", str(exported), *genome, f"--out={tmp_path / 'o'}"]) == 0
    annotated = [c for c in lines_of(genome[1]) if c[2] == "exon"]
    exons = {(c[0], c[3], c[4], c[6], c[8].split("=")[1]) for c in annotated}
    found = [c for c in lines_of(tmp_path / "o" / "exons.gff3") if c[2] == "exon"]
    assert {(c[0], c[3], c[4], c[6], c[8].split(";")[0].split("=")[1]) for c in found} == exons
    assert {c[6] for c in found} == {"+", "-"}
    results = json.loads((tmp_path / "o" / "results.json").read_text())
    assert all(score["value"] == 1 for score in results["scores"].values()) and len(results["scores"]) == 5
    _check_sites(tmp_path / "o" / "sites.csv", annotated)


def _check_sites(path, annotated):
    """A donor stands on the base after an exon in reading order, an acceptor on the base before one."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {r["annotated"] for r in rows} == {"yes"}
    after = {(c[0], int(c[4]) + 1 if c[6] == "+" else int(c[3]) - 1) for c in annotated}
    before = {(c[0], int(c[3]) - 1 if c[6] == "+" else int(c[4]) + 1) for c in annotated}
    for kind, places in (("donor", after), ("end", after), ("acceptor", before), ("start", before)):
        found = {(r["chromosome"], int(r["position"])) for r in rows if r["kind"] == kind}
        assert found and found <= places


def test_known_ends_are_shown_and_certain(made, exported):
    model, row = tracks_model(str(exported)), made[2][0]
    blind, aware = (
        next(iter(verb.spliced(model, [row], Condition(("rna_seq",), ends), Stretches(150, 30))))
        for ends in (False, True)
    )
    marks = row[MARKS].values
    for kind in (3, 4):
        place = int((marks == kind).argmax())
        assert aware.table[place, kind] == 1 and blind.table[place, kind] < 1
    assert aware.exons[0][0] == aware.annotated[0][0] and aware.exons[-1][1] == aware.annotated[-1][1]


def test_shards_with_known_ends_and_refusals(made, exported, tmp_path, capsys):
    command = ["genes", "splice", str(exported), str(made[0] / "rows"), f"--out={tmp_path}"]
    assert main([*command, "--ends", "--limit=2"]) == 0
    assert json.loads((tmp_path / "results.json").read_text())["transcripts"] == 2
    assert "Predicted splicing" in (tmp_path / "report.html").read_text()
    assert main([*command, "--given=[rasp2]"]) == 1
    assert "was not trained to predict splice_jctns_5cls from rasp2" in capsys.readouterr().err
