"""Scores, diversity, logo and files of designs, each beside an independent reading."""

import csv

import numpy as np
import pytest
import torch
from Bio import SeqIO
from Bio.Align import PairwiseAligner
from Bio.SeqUtils import gc_fraction

from foundation.errors import FoundationError
from foundation.model.anchored.batch import AnchoredBatch, Protein
from foundation.model.anchored.config import AnchoredConfig
from foundation.model.anchored.order import grow
from foundation.model.anchored.transformer import AnchoredTransformer
from foundation.sampling.design.designs import Designs
from foundation.sampling.design.diversity import distinct, effective_number
from foundation.sampling.design.figures import logo_heights
from foundation.sampling.design.files import write_csv, write_designs
from foundation.sampling.design.scores import can_fold, composition, folding, specificity

WORDS = ("GGGAAACCC", "GGGAAACCU", "AUAUAUAUAU", "AUAUAUAUA", "GGGAAACCC", "CCGGC")


@pytest.fixture
def designs():
    return Designs(
        WORDS, np.arange(6), np.array([3, 3, 0, 9, 3, 2]), {"log_likelihood": -np.array([9.0, 8, 20, 9, 9, 10])}
    )


def edits(a, b):
    """Levenshtein's distance by biopython: a match costs nothing, anything else 1."""
    aligner = PairwiseAligner(match_score=0, mismatch_score=-1, gap_score=-1)
    return -aligner.score(a, b)


def test_composition(designs):
    scores = composition(designs).scores
    assert scores["length"].tolist() == [9, 9, 10, 9, 9, 5]
    assert scores["gc"] == pytest.approx([gc_fraction(w) for w in WORDS])
    assert scores["per_nucleotide"] == pytest.approx([-1, -8 / 9, -2, -1, -1, -2])


def protein(seed, residues=5):
    generator = torch.Generator().manual_seed(seed)
    rotation = torch.linalg.qr(torch.randn(residues, 3, 3, generator=generator))[0]
    return Protein(
        torch.randint(0, 20, (residues,), generator=generator), rotation,
        torch.randn(residues, 3, generator=generator), torch.arange(residues),
    )  # fmt: skip


def test_specificity_is_against_the_mean_probability_of_decoys(designs):
    torch.manual_seed(0)
    config = AnchoredConfig(width=8, protein_depth=1, depth=1, heads=2, dim=4, points=2, value_points=2, hidden=8)
    model = AnchoredTransformer(config).double().eval()
    decoys = [protein(1), protein(2)]
    found = specificity(designs, model, decoys).scores["specificity"]
    for i, (word, anchor) in enumerate(zip(WORDS, designs.anchor.tolist(), strict=True)):
        rows = grow(torch.tensor(["ACGU".index(c) for c in word]), anchor)
        logs = []
        for decoy in decoys:
            logits = model(AnchoredBatch.of([decoy], [rows])).log_softmax(-1)
            logs.append(sum(logits[r, t].item() for r, t in enumerate(rows.target.tolist()) if t >= 0))
        expected = designs.scores["log_likelihood"][i] - np.log(np.mean(np.exp(logs)))
        assert found[i] == pytest.approx(expected)


@pytest.mark.parametrize("distance", [0.0, 0.15, 0.5, 1.0])
def test_kept_designs_differ_enough(designs, distance):
    score = designs.scores["log_likelihood"]
    kept = distinct(WORDS, score, distance)
    assert kept[0] == np.argmax(score) and len(set(kept)) == len(kept)
    assert (np.diff(score[kept]) <= 0).all()

    def apart(i, j):
        return WORDS[i] != WORDS[j] and edits(WORDS[i], WORDS[j]) >= distance * max(len(WORDS[i]), len(WORDS[j]))

    assert all(apart(i, j) for i in kept for j in kept if i != j)
    for left_out in set(range(6)) - set(kept):
        assert any(score[k] >= score[left_out] and not apart(k, left_out) for k in kept)


def test_distance_is_a_fraction(designs):
    with pytest.raises(FoundationError, match="from 0 to 1"):
        distinct(WORDS, designs.scores["log_likelihood"], 1.5)


def test_effective_number():
    near = [[edits(a, b) < 0.2 * max(len(a), len(b)) for b in WORDS] for a in WORDS]
    assert effective_number(WORDS) == pytest.approx(sum(1 / sum(row) for row in near))
    assert effective_number(["ACGUACGU"] * 7) == pytest.approx(1)
    assert effective_number(["AAAA", "CCCC", "GGGG"]) == pytest.approx(3)


@pytest.mark.skipif(not can_fold(), reason="ViennaRNA is not installed")
def test_folding(designs):
    import RNA

    found = folding(designs)
    for word, structure, energy in zip(WORDS, found.folds, found.scores["mfe"], strict=True):
        assert energy == pytest.approx(RNA.fold_compound(word).eval_structure(structure), abs=1e-3)
    assert found.select(np.array([2])).folds == found.folds[2:3]


def test_logo_counts_from_the_anchor():
    many = 40
    words = tuple("GA" + "C" * (i % 4) for i in range(many))
    places, heights = logo_heights(Designs(words, np.arange(many), np.full(many, 1)))
    assert places == [-1, 1, 2, 3]  # the last is reached by half of them
    small = 3 / (2 * np.log(2))
    assert heights[0] == {"G": pytest.approx(2 - small / 40)} and heights[2] == {"C": pytest.approx(2 - small / 30)}
    mixed = Designs(("A", "C", "G", "U") * 10, np.arange(40), np.zeros(40, dtype=int))
    assert sum(logo_heights(mixed)[1][0].values()) == 0


def test_files_hold_the_same(designs, tmp_path):
    whole = composition(designs).with_scores(mfe=np.array([np.nan, *range(5)]))
    write_designs(tmp_path / "d.fasta", whole)
    write_csv(tmp_path / "d.csv", whole)
    with (tmp_path / "d.fasta").open() as file:
        records = list(SeqIO.parse(file, "fasta"))
    with (tmp_path / "d.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [str(r.seq) for r in records] == [row["sequence"] for row in rows] == list(WORDS)
    for record, row in zip(records, rows, strict=True):
        header = dict(part.split("=") for part in record.description.split()[1:])
        assert header == {name: row[name] for name in header} and record.id == row["name"]
    assert rows[0]["mfe"] == "" and float(rows[2]["mfe"]) == 1
    assert float(rows[1]["gc"]) == pytest.approx(gc_fraction(WORDS[1]), abs=1e-6)
