"""Scores of splice sites, held to scikit-learn; baselines find what was planted for them and no more."""

import json

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from foundation.__main__ import main
from foundation.data.biology.track import Track
from foundation.data.records import Sample, Sequence
from foundation.data.shards import write_records
from foundation.errors import FoundationError
from foundation.evaluation.genes.matrices import SiteMatrix
from foundation.evaluation.genes.sites import SiteScores, sites_of
from foundation.evaluation.genes.words import WordModel


def drawn(seed=0, transcripts=12, levels=None):
    rng = np.random.default_rng(seed)
    sites = [rng.random(int(rng.integers(50, 150))) < 0.05 for _ in range(transcripts)]
    scores = [s + rng.normal(size=len(s)) for s in sites]
    if levels:
        scores = [np.round(s * levels) / levels for s in scores]
    return scores, sites


@pytest.mark.parametrize("levels", [None, 2])
def test_average_precision_is_scikit_learns_also_with_ties_and_weights(levels):
    scores, sites = drawn(levels=levels)
    found = SiteScores(scores, sites)
    flat = np.concatenate(sites), np.concatenate(scores)
    assert found.average_precision() == pytest.approx(average_precision_score(*flat))
    weight = np.random.default_rng(1).integers(0, 3, len(sites))
    each = np.repeat(weight, [len(s) for s in sites])
    theirs = average_precision_score(*flat, sample_weight=each)
    assert found.average_precision(weight) == pytest.approx(theirs)


def test_top_k_counts_sites_among_as_many_places():
    scores, sites = drawn()
    flat, truth = np.concatenate(scores), np.concatenate(sites)
    k = truth.sum()
    best = np.argsort(-flat)
    assert SiteScores(scores, sites).top() == pytest.approx(truth[best[:k]].mean())
    assert SiteScores(scores, sites).top(2) == pytest.approx(truth[best[: 2 * k]].sum() / k)
    perfect = [s.astype(float) for s in sites]
    assert (SiteScores(perfect, sites).top(), SiteScores(perfect, sites).average_precision()) == (1, 1)
    flat_scores = [np.zeros(len(s)) for s in sites]
    assert SiteScores(flat_scores, sites).top() == pytest.approx(truth.mean())


def test_intervals_come_from_drawing_transcripts_again():
    scores, sites = drawn(transcripts=40)
    found = SiteScores(scores, sites).drawn(seed=3)
    index = np.random.default_rng([3, 40]).integers(0, 40, 40)
    again = SiteScores([scores[i] for i in index], [sites[i] for i in index])
    assert found.draws[0] == pytest.approx(again.average_precision())
    assert found.interval.low < found.interval.value < found.interval.high


def test_draws_without_a_site_say_nothing_and_the_others_count():
    scores, sites = drawn(transcripts=3)
    sites = [sites[0], sites[1] & False, sites[2] & False]
    found = SiteScores(scores, sites).drawn()
    assert np.isnan(found.draws).any() and np.isfinite(found.interval.low)


@pytest.mark.parametrize(
    ("scores", "sites", "says"),
    [
        ([np.zeros(3)], [np.zeros(3, bool)], "with 0 sites"),
        ([np.zeros(3)], [np.ones(4, bool)], "Give a score for each place"),
        ([np.array([np.nan, 1])], [np.ones(2, bool)], "not a number"),
    ],
)
def test_scores_that_tell_nothing_are_refused(scores, sites, says):
    with pytest.raises(FoundationError, match=says):
        SiteScores(scores, sites)


def test_kinds_of_sites_are_told_apart():
    track = Track(np.array([3, 0, 2, 1, 4]), ("none", "acceptor", "donor", "start", "end"))
    assert [sites_of(track, kind).argmax() for kind in ("start", "donor", "acceptor", "end")] == [0, 2, 3, 4]
    with pytest.raises(FoundationError, match="no kind of site 'branch'"):
        sites_of(track, "branch")


def planted(seed, context):
    """RNAs with donors CAG|GUAAGU; if `context` half of these motifs are decoys, told by CCCCC some way before."""
    rng = np.random.default_rng(seed)
    letters, sites = [], []
    for _ in range(60):
        text = rng.choice(list("ACGU"), 300)
        marked = np.zeros(300, bool)
        for place in (80, 160, 240):
            text[place - 3 : place + 6] = list("CAGGUAAGU")
            real = not context or rng.random() < 0.5
            marked[place] = real
            text[place - 50 : place - 40] = list("C" * 10 if real else "UAUAUAUAUA")
        letters.append("".join(text))
        sites.append(marked)
    return letters, sites


def auprc(model, letters, sites):
    return SiteScores([model.score(text) for text in letters], sites).average_precision()


def test_a_matrix_finds_a_motif_and_words_find_its_context():
    letters, sites = planted(0, context=False)
    assert auprc(SiteMatrix.fit(letters, sites, "donor"), *planted(1, context=False)) > 0.99
    letters, sites = planted(0, context=True)
    assert auprc(SiteMatrix.fit(letters, sites, "donor"), *planted(1, context=True)) < 0.7
    assert auprc(WordModel.fit(letters, sites, "donor"), *planted(1, context=True)) > 0.95


def test_a_matrix_is_log_odds_of_counts():
    letters, sites = planted(2, context=False)
    matrix = SiteMatrix.fit(letters, sites, "donor")
    text = "".join(letters)
    everywhere = sum(t.count("G") - (t[0] == "G") for t in letters) + 0.5
    total = sum(len(t) - 1 for t in letters) + 2
    wanted = np.log2((180 + 0.5) / (180 + 2) / (everywhere / total))
    assert matrix.odds[3, 0, 2] == pytest.approx(wanted)
    assert len(text) == 60 * 300
    assert matrix.score("ACGUNNNN" * 4).shape == (32,)


def test_neighbours_tell_what_single_letters_do_not():
    rng = np.random.default_rng(0)

    def pairs(real):
        return "CAG" + "GU" + (rng.choice(["AG", "GA"]) if real else rng.choice(["AA", "GG"])) + "GU"

    letters, sites = [], []
    for _ in range(150):
        real = rng.random() < 0.5
        body = "".join(rng.choice(list("ACGU"), 60))
        letters.append(body[:30] + pairs(real) + body[30:])
        sites.append(np.arange(69) == (33 if real else -1))
    assert auprc(SiteMatrix.fit(letters, sites, "donor"), letters, sites) < 0.75
    assert auprc(SiteMatrix.fit(letters, sites, "donor", order=1), letters, sites) > 0.9


def test_the_command_measures_on_genes_it_did_not_see(tmp_path, capsys):
    rng = np.random.default_rng(0)
    samples = []
    for i in range(30):
        text = rng.choice(list("ACGU"), 200)
        marks = np.zeros(200, int)
        text[60:69], marks[63] = list("CAGGUAAGU"), 2
        text[120:141], marks[140] = list("UUCUUUCUUUUCUUUCUUCAG"), 1
        records = {"rna_seq": Sequence("".join(text), "rna"),
                   "splice_jctns_5cls": Track(marks, ("none", "acceptor", "donor", "start", "end"))}  # fmt: skip
        samples.append(Sample(f"t{i}", records, {"gene": f"g{i // 2}"}))
    write_records(samples, tmp_path / "r")
    out = tmp_path / "b.json"
    assert main(["genes", "baselines", str(tmp_path / "r"), "--out", str(out), "--held_out", "0.4"]) == 0
    table = json.loads(out.read_text())
    assert {(r["kind"], r["model"]) for r in table["scores"]} == {
        (kind, model)
        for kind in ("acceptor", "donor")
        for model in ("weight matrix", "matrix of neighbours", "words and letters")
    }
    assert table["held_out"] % 2 == 0
    assert all(r["average_precision"]["value"] > 0.8 for r in table["scores"] if r["model"] == "weight matrix")
    assert "AUPRC" in capsys.readouterr().out
    assert main(["genes", "baselines", str(tmp_path / "r"), "--out", str(out), "--held_out", "0"]) == 1
