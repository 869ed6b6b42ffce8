"""Edits that keep a translation: codons by hand, biopython's translation, and every way of the verb."""

from dataclasses import replace

import numpy as np
import pytest
from Bio.Seq import Seq

from foundation.data.biology.genes.layout import MARKS
from foundation.data.biology.track import Track
from foundation.data.records import Sample
from foundation.errors import FoundationError
from foundation.sampling.genes.mutated import Mutated
from foundation.sampling.genes.repair import Repair
from foundation.sampling.genes.trained import tracks_model
from foundation.sampling.genes.translation import codons_of, silent

YES_NO = ("no", "yes")
WAYS = ("one-shot", "random", "confidence", "vote", "letters alone", "chance", "search")


def coded(row, places):
    values = np.zeros(len(row["rna_seq"].letters), bool)
    values[places] = True
    return Sample(row.key, {**row.records, "cds": Track(values, YES_NO)}, row.labels, row.origin)


def protein(letters, codons):
    return str(Seq("".join(letters[i] for i in codons.ravel())).translate())


def test_codons_that_would_change_stay_and_others_do_not():
    """CUA to UUG is leucine still, GAU to GAA is not; the codon of an intron's two sides is AU and G."""
    before, after = "CUAGAUAUccccG", "UUGGAAAUggggA"
    codons = np.array([[0, 1, 2], [3, 4, 5], [6, 7, 12]])
    assert silent(before, after, codons) == "UUGGAUAUggggG"
    assert silent(before, before, codons) == before


def test_random_edits_keep_what_biopython_translates():
    rng = np.random.default_rng(0)
    changed = 0
    for _ in range(50):
        before, after = ("".join(rng.choice(list("ACGU"), 60)) for _ in range(2))
        codons = np.sort(rng.permutation(60)[:45]).reshape(-1, 3)
        found = silent(before, after, codons)
        assert protein(found, codons) == protein(before, codons)
        free = [i for i in range(60) if i not in codons]
        assert [found[i] for i in free] == [after[i] for i in free]
        changed += sum(found[i] != before[i] for i in codons.ravel())
    assert changed > 20, "silent changes are kept"


def test_codons_are_whole(made):
    row = made[2][0]
    assert codons_of(coded(row, [3, 4, 9, 10, 11, 40])).tolist() == [[3, 4, 9], [10, 11, 40]]
    with pytest.raises(FoundationError, match="5 coding letters, no whole number of codons"):
        codons_of(coded(row, range(5)))
    with pytest.raises(FoundationError, match="no track cds"):
        codons_of(row)


@pytest.fixture(scope="module")
def task(made, exported):
    """A mutated letter among coding ones."""
    row = coded(made[2][0], range(100, 340))
    letters = row["rna_seq"].letters
    change = Mutated(row, 220, "U" if letters[220] != "U" else "A", "v")
    names = ("rna_seq", MARKS)
    trained = frozenset({(a, b) for a in names for b in names})
    repair = Repair(tracks_model(str(exported)), trained, 200, (-20, 12), most=3, keep="translation")
    return repair, repair.task(change, repair.model.tokenise([row], list(names))[0])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("most", [0, 3])
def test_no_way_changes_a_residue(task, way, most):
    repair, one = task
    if way == "search" and not most:
        return
    codons = codons_of(one.mutated.row)
    told = protein(one.mutated.letters, codons)
    drawn = {keep: replace(repair, most=most, keep=keep).drawn(one, way, 3, 1) for keep in ("translation", None)}
    for letters in drawn["translation"]:
        assert protein(one.whole(letters), codons) == told
        assert not most or sum(a != b for a, b in zip(letters, one.before, strict=True)) <= most
    assert any(letters != one.before for letters in drawn["translation"])
    assert any(protein(one.whole(letters), codons) != told for letters in drawn[None])
