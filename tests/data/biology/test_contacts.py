"""Contacts between proteins and nucleic acids, held to brute force and to gemmi's own search."""

import gemmi
import numpy as np
import pytest

from foundation.data.biology.contacts import protein_nucleic_contacts
from foundation.data.formats.structure import read_structure
from foundation.errors import FoundationError


def by_brute_force(structure, distance):
    """Every pair of heavy atoms, in float64."""
    where = structure.coordinates.astype(np.float64)
    heavy = np.array([name not in (b"H\0", b"D\0") for name in map(bytes, structure.element)])
    residue = structure.residue_of_atom
    kinds = [structure.is_kind("protein")[residue] & heavy, structure.is_kind("dna", "rna")[residue] & heavy]
    protein, nucleic = map(np.flatnonzero, kinds)
    apart = np.linalg.norm(where[protein][:, None] - where[nucleic][None], axis=-1)
    return sorted({(int(residue[protein[i]]), int(residue[nucleic[j]])) for i, j in np.argwhere(apart <= distance)})


def by_gemmi(path, distance, symmetry):
    """Residue pairs by gemmi's contact search."""
    whole = gemmi.read_structure(str(path))
    whole.setup_entities()
    if not symmetry:
        whole.cell = gemmi.UnitCell()
    search = gemmi.NeighborSearch(whole[0], whole.cell, distance).populate(include_h=False)
    contacts = gemmi.ContactSearch(distance)
    contacts.ignore = gemmi.ContactSearch.Ignore.SameResidue
    pairs = set()
    for contact in contacts.find_contacts(search):
        sides = sorted((contact.partner1, contact.partner2), key=lambda side: side.chain.name == "F")
        polymers = all(side.residue.entity_type == gemmi.EntityType.Polymer for side in sides)
        if polymers and [side.chain.name == "F" for side in sides] == [False, True]:
            pairs.add(tuple((side.chain.name, str(side.residue.seqid)) for side in sides))
    return pairs


@pytest.mark.parametrize("name", ["2q2k.cif", "1LCD.cif.gz"])
@pytest.mark.parametrize("distance", [3.5, 5.0])
def test_contacts_of_real_complexes_are_those_of_brute_force(bio_data, name, distance):
    structure = read_structure(bio_data / "structure" / name)
    pairs = protein_nucleic_contacts(structure, distance)
    assert [tuple(p) for p in pairs.tolist()] == by_brute_force(structure, distance)
    assert len(pairs) > 10


@pytest.mark.parametrize(("symmetry", "count"), [(True, 68), (False, 34)])
def test_a_repressor_touches_its_operator_as_gemmi_finds(bio_data, symmetry, count):
    path = bio_data / "structure" / "2q2k.cif"
    structure = read_structure(path)
    pairs = protein_nucleic_contacts(structure, 5.0, symmetry)
    assert len(pairs) == count
    chains = structure.chains
    named = {
        tuple((chains[structure.chain_of_residue[r]].author, str(structure.number[r])) for r in pair) for pair in pairs
    }
    assert named == by_gemmi(path, 5.0, symmetry)


def test_one_kind_alone_has_no_contacts(bio_data):
    structure = read_structure(bio_data / "structure" / "2q2k.cif")
    for chain in ("A,B", "F"):
        assert protein_nucleic_contacts(structure.select(chain)).shape == (0, 2)
    with pytest.raises(FoundationError, match="Give a positive one"):
        protein_nucleic_contacts(structure, 0.0)
