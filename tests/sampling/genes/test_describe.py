"""Texts written from sequences: piece by piece as the model says; learned ones come back."""

import csv
import json

import pytest
import torch
import yaml

from foundation.__main__ import main
from foundation.batch import pack
from foundation.data.biology.sequence import Sequence
from foundation.data.records import Sample
from foundation.data.shards import RecordShards, write_records
from foundation.data.text import Text
from foundation.masking import Pathway, SplitTrack
from foundation.model.tracks.config import TrackConfig
from foundation.model.tracks.pretrained import TrackModel
from foundation.sampling.choose import Choice
from foundation.sampling.genes.describe import described
from foundation.sampling.marginals import Question, marginals
from foundation.sampling.texts import Blank, written
from foundation.tokenizers.bundle import TokenizerBundle
from foundation.tokenizers.tracks import survey, tokenizers_of
from foundation.training import resolved

WORDS = ("binds the zinc of fingers", "cuts the sugar of bonds")
CAPTION = "funcprot_caption"
GREEDY = Choice(temperature=0.0)


def protein(key, letters, words):
    records = {"aa_seq": Sequence(letters, "protein"), CAPTION: Text(words)}
    return Sample(key, records, {"gene": key}, {})


@pytest.fixture(scope="module")
def rows():
    return [protein("a", "MCCHHK", WORDS[0]), protein("b", "MDEDEK", WORDS[1])]


@pytest.fixture(scope="module")
def model(rows, tmp_path_factory):
    path = tmp_path_factory.mktemp("proteins") / "rows"
    write_records(rows, path)
    tokenizers = TokenizerBundle(tokenizers_of(survey(RecordShards(path)), 8, {}, 60))
    torch.manual_seed(0)
    config = TrackConfig(width=32, depth=1, decoder_depth=2, heads=4, hidden=32, registers=2, rotated=8,
                         text=(CAPTION,), text_width=16)  # fmt: skip
    return TrackModel(config, tokenizers.spaces, tokenizers).eval()


@pytest.fixture
def learned(model, rows):
    """The same, having seen both texts many times."""
    own = TrackModel(model.config, model.spaces, model.tokenizers)
    own.load_state_dict(model.state_dict())
    tokens = own.tokenise(rows)
    batch = pack(
        [(t, torch.ones(len(t), dtype=torch.long).index_fill(0, t.of("aa_seq"), 0)) for t in tokens], own.spaces
    )
    adam = torch.optim.AdamW(own.parameters(), 5e-3)
    for _ in range(120):
        found = own.predict(own(batch), batch)[CAPTION]
        loss = -found.distribution.log_prob(batch.ids[found.rows]).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    return own.eval()


@pytest.fixture
def blank(model):
    tokenizer = model.tokenizers.tokenizers[CAPTION]
    return Blank(tokenizer.space, tokenizer.config.track, 6, len(tokenizer.config.pieces))


def test_pieces_are_those_that_the_model_expects_after_what_was_written(model, rows, blank):
    given = model.tokenise(rows, ["aa_seq"])
    for known, text in zip(given, written(model, given, blank, GREEDY, [0, 0]), strict=True):
        (probability,) = marginals(model, [Question(known, text.tokens)])
        expected = probability[:, : blank.words].argmax(-1)
        assert torch.equal(text.tokens.ids, expected)
        told = probability.gather(1, expected[:, None])[:, 0].log()
        torch.testing.assert_close(text.log_likelihood, told, rtol=0, atol=1e-5)


def test_seeds_and_samples_are_independent(model, rows, blank):
    given, free = model.tokenise(rows, ["aa_seq"]), Choice(temperature=5.0)
    together = [w.tokens.ids.tolist() for w in written(model, given, blank, free, [3, 4])]
    alone = [
        w.tokens.ids.tolist() for k, s in zip(given, (3, 4), strict=True) for w in written(model, [k], blank, free, [s])
    ]
    assert together == alone
    assert written(model, given[:1], blank, free, [4])[0].tokens.ids.tolist() != together[0]
    assert max(map(max, together)) < blank.words


def test_what_was_learned_of_a_protein_is_written_of_it(learned, rows):
    tokenizer = learned.tokenizers.tokenizers[CAPTION]
    pieces = [len(tokens) for tokens in tokenizer.encode([row[CAPTION] for row in rows])]
    for row, length, words in zip(rows, pieces, WORDS, strict=True):
        (found,) = described(learned, tokenizer, [row], ["aa_seq"], length, GREEDY)
        assert found.words == found.known == words and found.surprise < 0.5


def test_the_verb_writes_a_table_and_a_report(learned, rows, tmp_path, capsys):
    learned.save_pretrained(tmp_path / "m")
    policy = SplitTrack((Pathway(asked=(CAPTION,), given=("aa_seq",)),), text=(CAPTION,))
    (tmp_path / "m" / "training.yaml").write_text(yaml.safe_dump({"policy": resolved.by_class(policy)}))
    write_records(rows, tmp_path / "rows")
    command = ["genes", "describe", str(tmp_path / "m"), str(tmp_path / "rows"), f"--out={tmp_path / 'out'}"]
    assert main([*command, "--pieces=5", "--n=2"]) == 0
    table = list(csv.DictReader((tmp_path / "out" / "descriptions.csv").read_text().splitlines()))
    assert [(line["row"], line["number"]) for line in table] == [("a", "0"), ("b", "0"), ("a", "1"), ("b", "1")]
    assert table[0]["known"] == WORDS[0] and table[0]["written"][:5] == WORDS[0][:5]
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["surprise"] == pytest.approx(sum(float(line["surprise"]) for line in table) / 4, abs=1e-3)
    assert WORDS[1] in (tmp_path / "out" / "report.html").read_text()
    assert main([*command, "--text=aa_seq"]) == 1
    assert f"the model has {CAPTION}" in capsys.readouterr().err
    assert main([*command, "--pieces=0"]) == 1
    assert "has 1 to 4096" in capsys.readouterr().err
    assert main([*command, f"--given=[{CAPTION}]"]) == 1
    assert "not trained to predict" in capsys.readouterr().err
