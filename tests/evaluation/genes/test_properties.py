"""Frozen embeddings and properties: what vectors hold, that relatives are apart, that planted answers are found."""

import json

import numpy as np
import pytest
import torch

from foundation.__main__ import main
from foundation.batch import pack
from foundation.data.records import Sample, Sequence
from foundation.data.shards import RecordShards, write_records
from foundation.errors import FoundationError
from foundation.evaluation.genes.described import of_model, of_words
from foundation.evaluation.genes.properties import ENCODER, RANDOM, WORDS, Sides, read_labels, told_by
from foundation.evaluation.tasks import Split
from foundation.model.tracks.rows import GivenRows
from foundation.sampling.genes.trained import tracks_model


def test_a_vector_is_the_registers_and_the_mean_of_the_other_rows_whatever_the_batch(exported, rows):
    model = tracks_model(str(exported))
    samples = list(RecordShards(rows / "test"))
    tokens = model.tokenise(samples[:3]) + [t.select(t.position[:, 0] < 40) for t in model.tokenise(samples[3:5])]
    found = of_model(model, tokens)
    assert found.shape == (5, 3 * 32)
    for t, vector in zip(tokens, found, strict=True):
        batch = pack([(t, torch.zeros(len(t), dtype=torch.long))], model.spaces)
        with torch.no_grad():
            states = model.rows(batch, GivenRows.of(batch, 2))
        assert len(states) == 2 + len(t.position[:, 0].unique())
        np.testing.assert_allclose(vector[:64], states[:2].flatten().numpy(), atol=1e-5)
        np.testing.assert_allclose(vector[64:], states[2:].mean(0).numpy(), atol=1e-5)


def test_words_are_counted():
    samples = [
        Sample("a", {"rna_seq": Sequence("ACGUACGUN", "rna")}, {}),
        Sample("b", {"rna_seq": Sequence("AA", "rna")}, {}),
    ]
    found = of_words(samples)
    assert found.shape == (2, 256) and found[1].sum() == 0
    word = sum("ACGU".index(x) * 4**i for i, x in enumerate("ACGU"))
    assert found[0, word] == pytest.approx(2 / 5) and found[0].sum() == pytest.approx(1)


def test_what_a_description_holds_is_told_and_what_it_does_not_is_not():
    rng = np.random.default_rng(0)
    hidden, group = rng.normal(size=300), [f"g{i // 3}" for i in range(300)]
    described = {ENCODER: np.stack([hidden, rng.normal(size=300)], 1), WORDS: rng.normal(size=(300, 2))}
    sides = Sides(group, Split())
    number = {w.name: w.scores for w in told_by(described, [f"{v:.5f}" for v in hidden], sides, "x")}
    assert number[ENCODER]["r2"].value > 0.95 and number[WORDS]["r2"].value < 0.1
    kind = {
        w.name: w for w in told_by(described, ["up" if v > 0 else "" if v < -2 else "down" for v in hidden], sides, "x")
    }
    assert kind[ENCODER].scores["f1"].value > 0.9 > 0.7 > kind[WORDS].scores["f1"].value
    assert kind[ENCODER].gains["f1"].probability == 1 and kind[WORDS].gains == {}
    with pytest.raises(FoundationError, match=r"x: .* two classes"):
        told_by(described, ["up"] * 300, sides, "x")


def test_the_verb(exported, tmp_path, capsys):
    """Transcripts in two compositions, three to a gene; labels by gene and by transcript."""
    rng = np.random.default_rng(0)
    samples, table = [], ["name,rich,share"]
    for i in range(90):
        rich = i // 3 % 2
        text = "".join(rng.choice(list("ACGU"), 60, p=[0.1, 0.4, 0.4, 0.1] if rich else [0.4, 0.1, 0.1, 0.4]))
        samples.append(Sample(f"t{i}", {"rna_seq": Sequence(text, "rna")}, {"gene": f"g{i // 3}"}))
        table.append(f"t{i},{'yes' if rich else 'no'},{np.mean([x in 'GC' for x in text]):.3f}")
    write_records(samples, tmp_path / "rows")
    (tmp_path / "l.csv").write_text("\n".join(table) + "\n")
    command = ["genes", "properties", str(exported), str(tmp_path / "rows"), f"--out={tmp_path / 'o'}"]
    assert main([*command, f"--labels={tmp_path / 'l.csv'}"]) == 0
    tasks = json.loads((tmp_path / "o" / "results.json").read_text())["tasks"]
    assert [way["name"] for way in tasks["rich"]] == [ENCODER, RANDOM, WORDS]
    assert tasks["rich"][0]["scores"]["f1"]["value"] > 0.9 and tasks["share"][2]["scores"]["r2"]["value"] > 0.8
    (tmp_path / "g.csv").write_text("gene,up\n" + "".join(f"g{i},{i % 2}\n" for i in range(30)))
    assert main([*command, f"--labels={tmp_path / 'g.csv'}"]) == 0
    for text, says in (
        ("a\n1\n", "has the columns"),
        ("a,b\nx,1\nx,2\n", "named twice"),
        ("a,b\nx,1\n", "names none of"),
    ):
        (tmp_path / "w.csv").write_text(text)
        assert main([*command, f"--labels={tmp_path / 'w.csv'}"]) == 1
        assert says in capsys.readouterr().err


def test_empty_cells_are_not_known(tmp_path):
    (tmp_path / "l.csv").write_text("name,a,b\nx,1,\ny, ,2\n")
    assert read_labels(tmp_path / "l.csv") == {"x": {"a": "1"}, "y": {"b": "2"}}
