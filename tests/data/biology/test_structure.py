"""Structures: validated parts, chains chosen as people type them, nothing lost on the way to shards."""

import dataclasses

import numpy as np
import pytest

from foundation.data.biology.structure import RESIDUE_KINDS, Structure
from foundation.data.columns import decode_records, encode_records
from foundation.data.records import RecordError, Sample

PROTEIN, DNA, WATER = (RESIDUE_KINDS.index(kind) for kind in ("protein", "dna", "water"))
ATOMS = (("N", "CA", "C"), ("N", "CA", "C", "CB"), ("N", "C"), ("P",), ("O",))  # the third residue lacks CA


def a_structure(**changes):
    names = [name for residue in ATOMS for name in residue]
    n = len(names)
    parts = {
        "coordinates": np.random.default_rng(0).normal(0, 5, (n, 3)),
        "atom_name": np.array(names),
        "element": np.array([name[0] for name in names]),
        "occupancy": np.ones(n),
        "b_factor": np.zeros(n),
        "altloc": np.array([""] * n),
        "alternates": np.zeros(n),
        "atom_start": np.cumsum([0, *map(len, ATOMS)]),
        "residue_name": np.array(["MET", "MSE", "GLY", "DT", "HOH"]),
        "letters": "MMGT.",
        "number": np.array([27, 27, 30, -1, 500]),
        "insertion": np.array(["", "B", "", "", ""]),
        "label": np.array([1, 2, 3, 1, 0]),
        "kind": np.array([PROTEIN, PROTEIN, PROTEIN, DNA, WATER]),
        "residue_start": np.array([0, 3, 4, 5]),
        "author": ("A", "B", "A"),
        "chain_label": ("A", "B", "C"),
        "expected": ("MMGK", "T", ""),
    }
    return Structure(**(parts | changes))


@pytest.mark.parametrize(
    ("choice", "letters", "atoms"),
    [
        ("A", "MMG", 9),
        ("B", "T", 1),
        ("B,A", "MMGT", 10),
        ("A:27-27", "MM", 7),
        ("A:27B-30", "MG", 6),
        ("A:27-27A", "M", 3),
        ("A:28-99, B", "GT", 3),
        ("B:-5--1", "T", 1),
    ],
)
def test_chains_are_chosen_as_people_type_them(choice, letters, atoms):
    chosen = a_structure().select(choice)
    assert chosen.letters == letters
    assert len(chosen.coordinates) == chosen.atom_start[-1] == atoms


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        ("C", r"no residue of 'C'; it has chains A \(protein, 3 residues\), B \(dna, 1 residues\)"),
        ("A:40-50", "no residue of 'A:40-50'"),
        ("A:", "cannot be read"),
        ("", "cannot be read"),
        ("A:30-27", "ends before it begins"),
    ],
)
def test_a_choice_that_finds_nothing_is_refused(choice, says):
    with pytest.raises(RecordError, match=says):
        a_structure().select(choice)


def test_the_backbone_says_what_is_missing():
    structure = a_structure()
    places, complete = structure.backbone
    assert complete.tolist() == [True, True, False, False, False]
    np.testing.assert_array_equal(places[1], structure.coordinates[3:6])
    assert np.isnan(places[2, 1]).all()
    np.testing.assert_array_equal(places[2, 2], structure.coordinates[8])


def test_chains_tell_their_kind_and_what_was_expected():
    chains = a_structure().chains
    assert [(c.author, c.kind, c.end - c.start) for c in chains] == [
        ("A", "protein", 3),
        ("B", "dna", 1),
        ("A", "water", 1),
    ]
    assert [c.label for c in a_structure().polymers] == ["A", "B"]
    assert chains[0].expected == "MMGK"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"coordinates": np.zeros((0, 3))}, "at least one"),
        ({"coordinates": np.full((11, 3), np.nan)}, "not finite"),
        ({"letters": "MM"}, "wanted 2"),
        ({"atom_start": np.array([0, 3, 3, 9, 10, 11])}, "atom_start must rise"),
        ({"residue_start": np.array([0, 3, 4, 6])}, "residue_start must rise"),
        ({"author": ("A",)}, "of chain_label, wanted 1"),
        ({"kind": np.full(5, 9)}, "kind 9 is unknown"),
        ({"atom_name": np.array(["TOOLONGNAME"] * 11)}, "longer than 6"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes, says):
    with pytest.raises(RecordError, match=says):
        a_structure(**changes)
    with pytest.raises(RecordError, match="at least one"):
        a_structure().keep(np.zeros(5, bool))


def test_structures_survive_the_way_to_shards_and_back():
    structure = a_structure(name="1abc")
    samples = [Sample("a", {"structure": structure}), Sample("b", {"structure": structure.select("B")})]
    again, part = (s["structure"] for s in decode_records(*encode_records(samples)))
    for field in dataclasses.fields(structure):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(structure, field.name))
    assert (part.letters, part.author) == ("T", ("B",))
