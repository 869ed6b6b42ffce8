"""Surroundings: shares are counts, codons across introns are whole, and planted dependences are found."""

import numpy as np
import pytest
import torch

from foundation.data.biology.track import Track
from foundation.data.records import Sample, Sequence
from foundation.errors import FoundationError
from foundation.evaluation.genes.recovery import Answers, recovery
from foundation.evaluation.genes.surroundings import (
    AROUND,
    IN_FRAME,
    Surroundings,
    coding_places,
    with_surroundings,
)  # fmt: skip

YES_NO = ("no", "yes")
CODONS = ("GCU", "AAG", "UGC")  # each letter follows from the other two, or from its place in the codon


def row(letters, coding, key="r"):
    return Sample(key, {"rna_seq": Sequence(letters, "rna"), "cds": Track(np.array(coding), YES_NO)}, {"gene": key})


def planted(i):
    """Coding letters in codons, cut by an intron at any place of one, and letters by chance around."""
    rng = np.random.default_rng(i)
    coding = "".join(rng.choice(CODONS, 40))
    cut, sizes = int(rng.integers(40, 80)), rng.integers(20, 40, 3)
    noise = ["".join(rng.choice(list("ACGU"), n)) for n in sizes]
    letters = noise[0] + coding[:cut] + noise[1] + coding[cut:] + noise[2]
    marks = [0] * sizes[0] + [1] * cut + [0] * sizes[1] + [1] * (len(coding) - cut) + [0] * sizes[2]
    return row(letters, marks, f"r{i}")


def hidden(rows, share=0.5, seed=9):
    """Answers without any who says."""
    rng = np.random.default_rng(seed)
    places = [torch.from_numpy(np.flatnonzero(rng.random(len(r["cds"].values)) < share)) for r in rows]
    codes = [
        torch.tensor(["ACGU".index(x) for x in r["rna_seq"].letters])[p] for r, p in zip(rows, places, strict=True)
    ]
    even = [torch.full((len(p), 7), 1 / 7, dtype=torch.float64) for p in places]
    return Answers(places, codes, {"even": even})


def test_shares_are_those_of_the_letters_around():
    """With nothing hidden beside a letter: always G between AC and UA."""
    letters = "ACGUA" * 400
    model = Surroundings.fit([row(letters, [0] * 2000)], hidden=0.05)
    told = model.told(row(letters, [0] * 2000), np.array([102]))
    assert told.shape == (1, 5) and told.sum() == pytest.approx(1)
    assert told[0, 2] > 0.9
    even = model.told(row("N" * 20, [0] * 20), np.array([10]))
    np.testing.assert_allclose(even[0, :4], [0.4, 0.2, 0.2, 0.2], atol=0.05)  # never seen: as letters are everywhere


def test_codons_are_told_in_frame_and_across_introns():
    train, test = [planted(i) for i in range(60)], [planted(i) for i in range(100, 110)]
    answers = with_surroundings(hidden(test), test, train, 0.5, 0)
    assert list(answers.told) == ["even", AROUND, IN_FRAME]
    genes = [s.key for s in test]
    found = {w.name: w.scores["recovered"].value for w in recovery(answers, genes, coding_places(answers, test))}
    assert found[IN_FRAME] > 0.8 and found[IN_FRAME] > found[AROUND] + 0.04
    beside = [torch.isin(p, _beside_the_cut(s)) for s, p in zip(test, answers.places, strict=True)]
    across = {w.name: w.scores["recovered"].value for w in recovery(answers, genes, beside)}
    assert across[IN_FRAME] > 0.7, "the rest of a codon that an intron cuts is beyond it"
    assert across[IN_FRAME] > across[AROUND] + 0.2


def _beside_the_cut(sample):
    coding = np.flatnonzero(sample["cds"].values)
    at = int(np.flatnonzero(np.diff(coding) > 1)[0])
    return torch.from_numpy(coding[at : at + 2])


def test_without_what_is_needed_nothing_is_added():
    test = [planted(1)]
    bare = [Sample("b", {"rna_seq": test[0]["rna_seq"]}, {"gene": "b"})]
    assert list(with_surroundings(hidden(test), test, [], 0.5, 0).told) == ["even"]
    assert list(with_surroundings(hidden(test), bare, test, 0.5, 0).told) == ["even", AROUND]
    assert coding_places(hidden(test), bare) == []
    assert coding_places(hidden([row("ACGU" * 9, [0] * 36)]), [row("ACGU" * 9, [0] * 36)]) == []
    with pytest.raises(FoundationError, match="No row to count"):
        Surroundings.fit([], 0.5)
