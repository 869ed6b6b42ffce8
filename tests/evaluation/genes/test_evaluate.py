"""What is asked under each condition, the numbers that follow from known answers, and the verb as a whole."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr, spearmanr

from foundation.__main__ import main
from foundation.data.shards import RecordShards
from foundation.evaluation.bootstrap import Drawn
from foundation.evaluation.genes.compared import compared, of_mean
from foundation.evaluation.genes.measured import measured
from foundation.evaluation.genes.recovery import COMMONEST, answers_of, recovery
from foundation.evaluation.genes.splicing import of_isoforms, splicing
from foundation.evaluation.genes.surroundings import AROUND
from foundation.model.heads import Prediction
from foundation.model.over_tokens import OverTokens
from foundation.model.pretrained import FoundationModel
from foundation.sampling.genes.conditions import Condition, conditions, junction_table
from foundation.sampling.marginals import Stretches

J = "splice_jctns_5cls"


@pytest.fixture
def model(exported):
    return FoundationModel.of_tokens(exported)


@pytest.fixture
def tokens(model, rows):
    return model.tokenise(list(RecordShards(rows / "test")))


class Reads(OverTokens):
    """Knows what stands at a place in the modality that it reads, if it is shown; else it knows nothing."""

    def __init__(self, spaces, reads, sure=0.9):
        super().__init__()
        self.spaces, self.reads, self.sure = spaces, reads, sure
        self.none = torch.nn.Parameter(torch.zeros(1))

    def forward(self, batch):
        return torch.zeros(len(batch), 1)

    def features(self, batch, layer=None):
        raise NotImplementedError

    def predict(self, states, batch):
        names = [s.name for s in self.spaces]
        read = batch.content_rows[batch.space[batch.content_rows] == names.index(self.reads)]
        key = torch.stack([batch.document, batch.position[:, 0].long()], 1).tolist()
        seen = {tuple(key[i]): int(batch.ids[i]) for i in read.tolist()}
        found = {}
        for space, rows in zip(self.spaces, batch.rows_by_space(batch.query_rows, len(names)), strict=True):
            probability = torch.full((len(rows), space.size), 1 / space.size, dtype=torch.float64)
            for n, row in enumerate(rows.tolist()):
                if tuple(key[row]) in seen:
                    probability[n] = (1 - self.sure) / (space.size - 1)
                    probability[n, seen[tuple(key[row])] % space.size] = self.sure
            distribution = torch.distributions.Categorical(logits=probability.log(), validate_args=False)
            found[space.name] = Prediction(rows, distribution)
        return found


def test_conditions_are_those_that_were_trained():
    trained = frozenset({("rna_seq", J), ("phylop", J), (J, J), ("rna_seq", "rna_seq"), ("cds", "rna_seq")})
    assert [c.name for c in conditions(trained, J)] == [
        "rna_seq", "rna_seq + phylop", "rna_seq + ends", "rna_seq + phylop + ends",
    ]  # fmt: skip
    assert [c.name for c in conditions(trained, J, ["ends"])] == ["rna_seq", "rna_seq + ends"]
    assert [c.name for c in conditions(trained, "rna_seq")] == ["rna_seq", "rna_seq + cds"]
    assert conditions(trained, "aa_seq") == []


def test_nothing_that_is_asked_is_shown(tokens):
    t = tokens[0]
    blind, aware = Condition(("rna_seq",)).junctions(t), Condition(("rna_seq", "phylop"), ends=True).junctions(t)
    assert blind.given.names() == ("rna_seq",) and len(blind.asked) == 150
    known = aware.given.of(J)
    assert aware.given.position[known, 0].tolist() == [10, 140] and aware.given.ids[known].tolist() == [3, 4]
    assert len(aware.asked) == 148 and set(aware.given.names()) == {"rna_seq", "phylop", J}
    assert (blind.throughout, aware.throughout) == ((), (J,))
    hidden = Condition(("rna_seq", "phylop")).hidden(t, "rna_seq", 0.3, seed=4)
    places = [x.position[x.of("rna_seq"), 0].tolist() for x in (hidden.given, hidden.asked)]
    assert sorted(places[0] + places[1]) == list(range(150)) and len(places[1]) == 45
    again = Condition(("rna_seq",)).hidden(t, "rna_seq", 0.3, seed=4)
    assert torch.equal(again.asked.position, hidden.asked.position), "the same places whatever else is shown"


def test_known_ends_are_certain_in_the_table_of_junctions(tokens):
    condition = Condition(("rna_seq",), ends=True)
    answer = torch.full((148, 8), 1 / 8, dtype=torch.float64)
    table = junction_table(condition, tokens[0], answer)
    assert table.shape == (150, 8) and table[10].tolist() == [0, 0, 0, 1, 0, 0, 0, 0] and table[140, 4] == 1
    assert torch.equal(table[11:140], answer[:129])
    none = torch.eye(8, dtype=torch.float64)[[0]]
    assert torch.equal(table[:10], none.expand(10, 8)) and torch.equal(table[141:], none.expand(9, 8))
    blind = junction_table(Condition(("rna_seq",)), tokens[0], torch.full((150, 8), 1 / 8, dtype=torch.float64))
    assert (blind == 1 / 8).all()


def test_recovery_counts_what_a_model_reads_off_another_track(model, tokens):
    """The signal is made to say the letter, so it is recovered with it and not without."""
    told = []
    for t in tokens:
        ids = t.ids.clone()
        ids[t.of("phylop")] = ids[t.of("rna_seq")]
        told.append(replace(t, ids=ids))
    ways = [Condition(("rna_seq",)), Condition(("rna_seq", "phylop"))]
    genes = [f"g{i // 2}" for i in range(len(told))]
    answers = answers_of(Reads(model.spaces, "phylop"), told, "rna_seq", ways, Stretches())
    found = {w.name: w for w in recovery(answers, genes)}
    assert found["rna_seq + phylop"].scores["recovered"].value == 1
    assert found["rna_seq + phylop"].scores["log_likelihood"].value == pytest.approx(np.log(0.9))
    assert found["rna_seq"].scores["log_likelihood"].value == pytest.approx(np.log(1 / 7))
    assert found["rna_seq"].gains == {} and found["rna_seq + phylop"].gains["recovered"].probability == 1
    counts = np.bincount(torch.cat([ways[0].hidden(t, "rna_seq", 0.5, i).asked.ids for i, t in enumerate(told)]))
    assert found[COMMONEST].scores["recovered"].value == pytest.approx(counts.max() / counts.sum())
    first = [place < 20 for place in answers.places]
    some = {w.name: w for w in recovery(answers, genes, first)}
    hidden = torch.cat([ids[kept] for ids, kept in zip(answers.truth, first, strict=True)])
    assert some[COMMONEST].scores["recovered"].value == pytest.approx(float(torch.bincount(hidden).max()) / len(hidden))
    none = [torch.zeros_like(first[0]), *first[1:]]
    assert recovery(answers, genes, none)[1].scores["recovered"].value > 0, (
        "a row without such letters counts for nothing"
    )


def test_correlations_are_scipys_and_the_simple_model_is_the_mean_of_words(model, rows, tokens):
    test, train = (list(RecordShards(rows / part)) for part in ("test", "train"))
    digitiser = model.tokenizers.tokenizers["phylop"]
    reader = Reads(model.spaces, "rna_seq")
    found = {
        w.name: w for w in measured(reader, digitiser, test, tokens, [Condition(("rna_seq",))], Stretches(), train)
    }
    codes = torch.cat([t.ids[t.of("rna_seq")] for t in tokens])
    means = digitiser.means.numpy()
    of_code = [(0.9 * means[c] + 0.1 / 10 * (means.sum() - means[c])) / (0.9 + 0.07) for c in range(7)]
    predicted = np.array(of_code)[codes.numpy()]
    truth = np.concatenate([s["phylop"].values for s in test])
    known = ~np.isnan(truth)
    scores = found["rna_seq"].scores
    assert scores["pearson"].value == pytest.approx(pearsonr(predicted[known], truth[known])[0], abs=1e-6)
    assert scores["spearman"].value == pytest.approx(spearmanr(predicted[known], truth[known])[0], abs=1e-6)
    assert found["mean of 3 letters"].scores["pearson"].value > 0.85, "the signal is the letter, with noise"


def test_draws_are_of_genes_and_gains_are_paired():
    values, weight = np.array([1.0, 0.0, 0.5, 0.5]), np.array([1.0, 1.0, 2.0, 2.0])
    one = of_mean(values, weight, ["a", "a", "b", "c"])
    assert one.value == 0.5 and np.ptp(one.draws) == pytest.approx(0), "each gene has the mean 0.5"
    better = Drawn(one.value + 0.1, one.draws + 0.1)
    gain = compared({"x": {"s": one}, "y": {"s": better}}, "x")[1].gains["s"]
    assert (gain.gain, gain.low, gain.high, gain.probability) == pytest.approx((0.1, 0.1, 0.1, 1))


def test_the_verb_writes_all_that_was_trained(exported, rows, tmp_path):
    command = ["genes", "evaluate", str(exported), str(rows / "test"), f"--fitted={rows / 'train'}"]
    assert main([*command, f"--out={tmp_path}", f"--against.one_modality={exported}"]) == 0
    results = json.loads((tmp_path / "results.json").read_text())
    assert (results["stretch"], results["margin"], results["rows"]) == (60, 12, 10)
    names = {title: [way["name"] for way in ways] for title, ways in results["tasks"].items()}
    shown = ["rna_seq", "rna_seq + phylop", "rna_seq + ends", "rna_seq + phylop + ends"]
    assert names["donors of 10 transcripts"][:4] == shown
    assert names["exons of 10 transcripts"] == [*shown, "one_modality"]
    assert names["exons of 10 transcripts of genes with several"] == names["exons of 10 transcripts"]
    ways = {way["name"]: way for way in results["tasks"]["exons of 10 transcripts"]}
    assert ways["one_modality"]["gains"]["exact"]["gain"] == 0, "it is the same model"
    assert names["rna_seq, 50% hidden, of 10 rows"] == ["rna_seq", COMMONEST, f"rna_seq + {J}", AROUND]
    assert names["phylop of 10 rows"] == ["rna_seq", "mean of 3 letters"]
    simple = {way["name"]: way["scores"] for way in results["tasks"]["donors of 10 transcripts"]}
    assert simple["weight matrix"]["average_precision"]["value"] > 0.8
    page = (tmp_path / "report.html").read_text()
    assert "weight matrix" in page and "gain" in page


def test_refusals(exported, rows, tmp_path, capsys):
    command = ["genes", "evaluate", str(exported), str(rows / "test"), f"--out={tmp_path}"]
    assert main([*command, "--beside=[atac]"]) == 1
    assert "beside atac; there are" in capsys.readouterr().err
    assert main([*command, "--hidden=0"]) == 1
    assert main([*command, "--against", f"{{weight matrix: {exported}}}"]) == 1
    assert "which is a row already" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_exons_are_right_where_the_table_says_so(rows):
    test = list(RecordShards(rows / "test"))
    perfect = [np.eye(8)[s[J].values] for s in test]
    wrong = [*perfect[:4], *(np.full((150, 8), 1 / 8) for _ in test[4:])]
    found = {w.name: w for w in splicing(test, {"right": perfect, "partly": wrong}, [], "right")["exons"]}
    assert (found["right"].scores["exact"].value, found["partly"].scores["exact"].value) == (1, 0.4)


def test_isoforms_are_measured_apart(rows):
    """Rows 2 and 3 are of one gene, 5 of its own: those of row 5 do not count."""
    test = [list(RecordShards(rows / "test"))[i] for i in (2, 3, 5)]
    perfect = [np.eye(8)[s[J].values] for s in test]
    nothing = np.full((150, 8), 1 / 8)
    shown = {"right": perfect, "last wrong": [*perfect[:2], nothing], "first wrong": [nothing, *perfect[1:]]}
    found = of_isoforms(test, shown, "right")
    exact = {w.name: w.scores["exact"].value for w in found["exons of 2 transcripts of genes with several"]}
    assert exact == {"right": 1, "last wrong": 1, "first wrong": 0.5}
    assert of_isoforms(test[1:], {"right": perfect[1:]}, "right") == {}
