"""The residues of real chains as a model reads them."""

import numpy as np

from foundation.data.biology.frames import AMINO_ACIDS
from foundation.data.biology.protein import CHAIN_GAP, places, protein_frames
from foundation.data.formats.structure import read_structure


def test_modified_residues_are_their_parents(bio_data):
    structure = read_structure(bio_data / "structure" / "1A8O.cif")
    protein = protein_frames(structure)
    assert "".join(AMINO_ACIDS[i] for i in protein.residues) == structure.select("A").letters
    assert protein.index.tolist() == list(range(70))
    assert protein.source.tolist() == list(range(70))


def test_chains_lie_apart_and_missing_residues_leave_a_gap(bio_data):
    structure = read_structure(bio_data / "structure" / "2q2k.cif")
    protein = protein_frames(structure)
    steps = np.diff(protein.index)
    assert (steps == CHAIN_GAP).sum() == 0  # the ligand of chain A has a place between them
    assert (steps > CHAIN_GAP).sum() == 1
    assert len(protein.residues) == 89
    assert places(structure.select("A"))[-1] == structure.label[structure.is_kind("protein")].max() - 23
