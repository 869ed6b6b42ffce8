"""Constraints: the short text says what the fields say, and bad or impossible ones are refused in one sentence."""

import pytest
from Bio.Data.IUPACData import ambiguous_rna_values

from foundation.errors import FoundationError
from foundation.sampling.design.conflict import check_satisfiable
from foundation.sampling.design.constraints import Constraints
from foundation.sampling.design.motif import IUPAC, Motif

TEXT = "require UGUANAUA @ 10-40; require ACGU; forbid GAATTC; gc 0.4-0.6; length 30-60; max_homopolymer 4"


def test_text_and_fields_agree():
    fields = Constraints(
        require=("UGUANAUA @ 10-40", "ACGU"), forbid=("GAAUUC",), gc=(0.4, 0.6), length=(30, 60), max_homopolymer=4
    )
    read = Constraints.parse(TEXT)
    assert read.clauses == fields.clauses
    assert Constraints.parse("\n".join(read.clauses)).clauses == read.clauses
    assert read.required == (Motif("UGUANAUA", (10, 40)), Motif("ACGU"))
    assert [str(m) for m in read.forbidden] == ["GAAUUC", "AAAAA", "CCCCC", "GGGGG", "UUUUU"]


def test_letters_are_those_of_biopython():
    assert {k: set(v) for k, v in IUPAC.items() if k != "T"} == {
        k: set(v) for k, v in ambiguous_rna_values.items() if k != "X"
    }


def test_lengths_come_from_the_template():
    assert Constraints().lengths == (10, 50)
    assert Constraints(template="nnryt").lengths == (5, 5)
    assert Constraints(template="NNRYT").template == "NNRYU"
    assert Constraints(template="NNN").positional and Constraints(require=("AC @ 1-5",)).positional
    assert not Constraints(require=("AC",), gc=(0.1, 0.2)).positional


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("require UGUX", "'UGUX' holds 'X', which is no nucleotide"),
        ("require UGUA @ 10", "Write it like"),
        ("require UGUA @ 8-10", "of 4 letters has no room in positions 8 to 10"),
        ("require UGUA @ 0-10", "counted from 1"),
        ("forbid UGUA @ 1-10", "Write it without '@'"),
        ("gc 0.6-0.4", "Give two fractions"),
        ("gc few", "Cannot read 'few'"),
        ("length 40-30", "Give 1 <= least"),
        ("length 5-100000", "most <= 1000"),
        ("template NNN; length 4-9", "template of 3"),
        ("max_homopolymer -1", "Give at least 1"),
        ("gc 0.1-0.2; gc 0.1-0.2", "gc is given twice"),
        ("please ACGU", "Begin with one of template, require"),
        ("require", "Write it like"),
    ],
)
def test_bad_text_is_refused(text, said):
    with pytest.raises(FoundationError) as caught:
        Constraints.parse(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "fewest"),
    [
        ("gc 0-0.1; require GCGCGC; length 10-20; forbid AAA", "require GCGCGC; gc 0.0-0.1; length 10-20."),
        ("require AAAA; max_homopolymer 3; gc 0.1-0.5", "require AAAA; max_homopolymer 3."),
        ("require ACGUACGU; length 5-6; forbid GG", "require ACGUACGU; length 5-6."),
        ("template NNNGGG; forbid GG; require CC", "template NNNGGG; forbid GG."),
        ("require ACC @ 5-8; template NNNNAGGNNNNN; forbid UU", "template NNNNAGGNNNNN; require ACC @ 5-8."),
        ("forbid N; gc 0.1-0.5", "this constraint: forbid N. Remove or relax it."),
        ("require ACGU @ 60-80", "require ACGU @ 60-80; length 10-50."),
    ],
)
def test_the_fewest_that_conflict_are_named(text, fewest):
    with pytest.raises(FoundationError) as caught:
        check_satisfiable(Constraints.parse(text))
    assert fewest in str(caught.value)


def test_satisfiable_passes():
    check_satisfiable(Constraints.parse(TEXT))
    check_satisfiable(Constraints())
