"""Codon usage and background letters: the published figures, by arithmetic of this file and by long draws."""

from collections import Counter

import numpy as np
import pytest
from Bio.Data.CodonTable import standard_dna_table
from Bio.SeqUtils import gc_fraction

from foundation.data.biology.frames import AMINO_ACIDS
from foundation.data.biology.genetic_code import CODONS
from foundation.data.simulate.genes.background import GENOME, INTRON, background, following
from foundation.data.simulate.genes.gene import Species
from foundation.data.simulate.genes.measured import silent
from foundation.data.simulate.genes.usage import PER_THOUSAND, composition, synonyms


def test_usage_has_the_gc_of_each_letter_that_its_source_states():
    """The source gives 55.72, 42.54 and 58.55 % G and C at the first, second and third letter, 52.27 % in all."""
    assert sum(PER_THOUSAND) == pytest.approx(1000, abs=1)
    gc = [sum(u for c, u in zip(CODONS, PER_THOUSAND, strict=True) if c[i] in "GC") / 1000 for i in range(3)]
    assert gc == pytest.approx([0.5572, 0.4254, 0.5855], abs=1e-3)
    assert np.mean(gc) == pytest.approx(0.5227, abs=1e-3)


def test_codons_stand_for_their_residue_and_are_drawn_as_often_as_told():
    for residue, (codons, cumulative) in synonyms().items():
        meant = {c for c, aa in standard_dna_table.forward_table.items() if aa == residue}
        assert set(codons) == (meant or set(standard_dna_table.stop_codons))
        assert cumulative[-1] == pytest.approx(1) and (np.diff(cumulative) > 0).all()
    codons, cumulative = synonyms()["L"]
    share = dict(zip(codons, np.diff(cumulative, prepend=0), strict=True))
    assert share["CTG"] == pytest.approx(39.6 / 100.2, abs=1e-3)
    assert composition().sum() == pytest.approx(1)
    assert composition()[AMINO_ACIDS.index("L")] == pytest.approx(0.1002, abs=5e-4)
    assert composition().argmin() == AMINO_ACIDS.index("W")


def test_coding_sequences_lean_as_human_ones_do():
    """Third letters more to G and C than second ones, and far from codons drawn evenly, in spite of enhancers."""
    coding = ["".join(g.letters[i] for i in g.coding) for g in map(Species.draw(8).gene, range(25))]
    first, second, third = (gc_fraction("".join(text[i::3] for text in coding)) for i in range(3))
    assert third > 0.52 and second < 0.48 < first
    leucines = Counter(c for text in coding for c in (text[i : i + 3] for i in range(0, len(text), 3)) if c[:2] == "CT")
    assert leucines["CTG"] > 2 * leucines["CTA"]


@pytest.mark.parametrize("composition", [GENOME, INTRON])
def test_background_letters_follow_each_other_as_told(composition):
    text = background(np.random.default_rng(0), 60_000, composition)
    pairs = Counter(text[i : i + 2] for i in range(len(text) - 1))
    table = np.array([[pairs[a + b] for b in "ACGT"] for a in "ACGT"])
    np.testing.assert_allclose(table / table.sum(1, keepdims=True), following(composition), atol=0.015)
    share = table.sum(1) / table.sum()
    np.testing.assert_allclose(share, composition, atol=0.02)
    apart = table / table.sum() / np.outer(share, share)
    assert apart[1, 2] == pytest.approx(0.24, abs=0.03), "C is rarely followed by G"
    assert apart[0, 0] == pytest.approx(1.12, abs=0.05)


def test_silent_changes_are_counted():
    """ATG: none; GGA: all of the third; TTA: of the first one, of the third one; ATT: two of the third."""
    third = 1 / 3
    found = silent(list("ATGGGATTAATT")).reshape(4, 3)
    np.testing.assert_allclose(found, [[0, 0, 0], [0, 0, 1], [third, 0, third], [0, 0, 2 * third]])
