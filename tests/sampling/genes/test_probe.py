"""Predicted signals: their values and places, and folds against known pairs."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml

from foundation.__main__ import main
from foundation.data.biology.sequence import Sequence
from foundation.data.records import Sample
from foundation.data.shards import RecordShards, write_records
from foundation.data.text import Text
from foundation.errors import FoundationError
from foundation.masking import Pathway, SplitTrack
from foundation.model.tracks.config import TrackConfig
from foundation.model.tracks.pretrained import TrackModel
from foundation.sampling.genes import probe as verb
from foundation.sampling.genes.conditions import Condition
from foundation.sampling.genes.folds import Probed, folded, known_structures, pairs_of
from foundation.sampling.genes.probe_report import correlation, f1
from foundation.sampling.genes.trained import tracks_model
from foundation.sampling.marginals import Stretches, in_stretches
from foundation.tokenizers.bundle import TokenizerBundle
from foundation.tokenizers.tracks import survey, tokenizers_of
from foundation.training import resolved

HAIRPIN = "GGGACCUAGGCUUCGGCCUAGGUCCC"  # an arm, a loop of four, and the arm again
FOLD = "(((((((((((....)))))))))))"


def probed(values, measured=None, strand=1, letters="A" * 40 + HAIRPIN + "A" * 40):
    row = Sample("t", {"rna_seq": Sequence(letters, "rna")}, {"gene": "g"},
                 {"chromosome": "c", "start": 100, "end": 100 + len(letters), "strand": strand})  # fmt: skip
    return Probed(row, np.asarray(values, float), measured)


@pytest.mark.parametrize("strand", [1, -1])
def test_known_pairs_are_found_where_they_lie(strand):
    pytest.importorskip("RNA")
    structure = "." * 10 + FOLD + "." * 5  # of a transcript that begins at 130 of the chromosome, in forward places
    start = 130 if strand > 0 else 100 + 106 - 30 - len(structure)
    told = {"g": {"chromosome": "c", "start": start, "strand": strand, "structure": structure}}
    one = probed(np.where(np.arange(106) % 2, 0.5, 1.0), strand=strand)
    ways = {f.way: f for f in folded([one], told, 600)}
    assert set(ways) == {"letters alone", "predicted signal"}
    assert (ways["letters alone"].right, ways["letters alone"].known) == (11, 11)


def test_reactivities_move_a_fold():
    """Two hairpins share an arm; high values on the loop of the likelier one leave the other."""
    pytest.importorskip("RNA")
    told = {"g": {"chromosome": "c", "start": 100, "strand": 1, "structure": "." * 40 + FOLD + "." * 40}}
    values = np.zeros(106)
    values[40:66] = 5.0
    ways = {f.way: f for f in folded([probed(values, np.full(106, np.nan))], told, 600)}
    assert ways["predicted signal"].right == 0 < ways["letters alone"].right
    assert ways["measured signal"].right == ways["letters alone"].right, "what is not known moves nothing"
    assert f1([ways["letters alone"]]).value == pytest.approx(2 * 11 / (11 + ways["letters alone"].found))


def test_brackets_that_do_not_match_and_lines_that_tell_nothing(tmp_path):
    assert pairs_of("((.).)") == {(0, 5), (1, 3)}
    for text, says in (("(()", "opens 1 pairs"), (")", "closes a pair at 1")):
        with pytest.raises(FoundationError, match=says):
            pairs_of(text)
    (tmp_path / "t").write_text('{"gene": "a"}\n')
    with pytest.raises(FoundationError, match="line 1: no gene with chromosome"):
        known_structures(tmp_path / "t")


def test_correlations_are_of_known_places():
    rng = np.random.default_rng(0)
    many = [probed(rng.normal(size=106), np.where(rng.random(106) < 0.2, np.nan, rng.normal(size=106))) for _ in "abc"]
    x, y = (np.concatenate([getattr(p, name) for p in many]) for name in ("values", "measured"))
    known = ~np.isnan(y)
    assert correlation(many).value == pytest.approx(np.corrcoef(x[known], y[known])[0, 1])


def test_a_signal_is_the_mean_of_its_bins_whether_it_was_measured_or_not(made, exported):
    model, row = tracks_model(str(exported)), made[2][1]
    digitiser = model.tokenizers.tokenizers["rasp2"]
    found = next(iter(verb.probed(model, digitiser, [row], ("rna_seq",), Stretches())))
    tokens = model.tokenise([row], ["rna_seq", "rasp2"])[0]
    p = in_stretches(model, [Condition(("rna_seq",)).whole(tokens, "rasp2")], Stretches())[0].numpy()[:, :8]
    np.testing.assert_allclose(found.values, p @ digitiser.means.numpy() / p.sum(1))
    without = Sample(row.key, {"rna_seq": row["rna_seq"]}, row.labels, row.origin)
    again = next(iter(verb.probed(model, digitiser, [without], ("rna_seq",), Stretches())))
    np.testing.assert_allclose(again.values, found.values)
    assert again.measured is None and found.measured is not None


def test_the_verb_writes_values_at_the_places_of_the_genome(made, exported, tmp_path, capsys):
    command = ["genes", "probe", str(exported), str(made[0] / "rows")]
    assert main([*command, f"--out={tmp_path}"]) == 0
    model, row = tracks_model(str(exported)), made[2][1]
    digitiser = model.tokenizers.tokenizers["rasp2"]
    expected = next(iter(verb.probed(model, digitiser, [row], ("rna_seq",), Stretches(300, 60)))).values
    with (tmp_path / "rasp2_minus.bedGraph").open(newline="") as file:
        lines = [line for line in csv.reader(file, delimiter="\t") if line[0] == "c1"]
    assert [int(line[1]) for line in lines] == list(range(500, 500 + len(expected)))
    np.testing.assert_allclose([float(line[3]) for line in lines], expected[::-1], atol=1e-4)
    assert "correlation" in json.loads((tmp_path / "results.json").read_text())["scores"]
    assert main([*command, f"--out={tmp_path}", "--signal=rna_seq"]) == 1
    assert "the model has the numbers rasp2" in capsys.readouterr().err


def test_the_context_of_an_experiment_changes_what_it_would_show(made, tmp_path, capsys):
    """A model with a text about the experiment; the same transcripts in two contexts, and in none."""
    rows = [replace(s, records={**s.records, "context": Text(f"reagent {i}")}) for i, s in enumerate(made[2])]
    write_records(rows, tmp_path / "rows")
    tokenizers = TokenizerBundle(tokenizers_of(survey(RecordShards(tmp_path / "rows")), 8, {}, 100))
    config = TrackConfig(width=16, depth=1, decoder_depth=1, heads=2, hidden=16, registers=1, rotated=4,
                         text=("context",), text_width=8)  # fmt: skip
    torch.manual_seed(0)
    model = TrackModel(config, tokenizers.spaces, tokenizers)
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.5)
    model.save_pretrained(tmp_path / "m")
    policy = SplitTrack((Pathway(asked=("rasp2",), given=("rna_seq", "context")),), text=("context",))
    (tmp_path / "m" / "training.yaml").write_text(yaml.safe_dump({"policy": resolved.by_class(policy)}))
    command = ["genes", "probe", str(tmp_path / "m"), str(made[0] / "rows"), "--limit=1"]
    for context in ("reagent 0", "reagent 1", ""):
        assert main([*command, f"--context={context}", f"--out={tmp_path / f'out{context[-1:]}'}"]) == 0
    one, two, none = ((tmp_path / f"out{name}" / "rasp2_plus.bedGraph").read_text() for name in ("0", "1", ""))
    assert one != two != none != one
    assert main([*command, "--given=[rna_seq,splice_jctns_5cls]", f"--out={tmp_path / 'o'}"]) == 1
    assert "not trained to predict rasp2" in capsys.readouterr().err
