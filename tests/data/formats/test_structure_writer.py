"""Structures written and read again are the same, and biopython reads them too."""

import numpy as np
import pytest

from foundation.data.formats.structure import read_structure
from foundation.data.formats.structure_writer import write_structure
from foundation.errors import FoundationError


@pytest.mark.parametrize("ending", [".cif", ".pdb"])
def test_a_real_complex_written_and_read_again_is_the_same(bio_data, tmp_path, ending):
    structure = read_structure(bio_data / "structure" / "2q2k.cif").select("A,F")
    write_structure(structure, tmp_path / f"x{ending}")
    again = read_structure(tmp_path / f"x{ending}")
    np.testing.assert_allclose(again.coordinates, structure.coordinates, atol=1e-3)
    for name in ("atom_name", "element", "residue_name", "number", "kind", "atom_start", "residue_start"):
        np.testing.assert_array_equal(getattr(again, name), getattr(structure, name), err_msg=name)
    np.testing.assert_allclose(again.b_factor, structure.b_factor, atol=1e-2)
    assert again.author == structure.author and again.letters == structure.letters
    if ending == ".cif":
        assert again.expected == structure.expected
        np.testing.assert_array_equal(again.label, structure.label)


def test_biopython_reads_the_same_atoms(bio_data, tmp_path):
    from Bio.PDB.PDBParser import PDBParser

    structure = read_structure(bio_data / "structure" / "3zee.cif").select("A")
    write_structure(structure, tmp_path / "x.pdb")
    atoms = list(PDBParser(QUIET=True).get_structure("x", tmp_path / "x.pdb").get_atoms())
    np.testing.assert_allclose([a.coord for a in atoms], structure.coordinates, atol=1e-3)


def test_other_endings_are_refused(bio_data, tmp_path):
    structure = read_structure(bio_data / "structure" / "3zee.cif")
    with pytest.raises(FoundationError, match=r"as \.cif or \.pdb"):
        write_structure(structure, tmp_path / "x.xyz")
