"""Accessible areas against geometry and against biopython's own reading; tracks at the places of the whole molecule."""

from dataclasses import replace

import numpy as np
import pytest

from foundation.data.biology.residues import accessible_area, residue_tracks
from foundation.data.biology.structure import RESIDUE_KINDS, Structure
from foundation.data.formats.structure import read_structure
from foundation.errors import FoundationError

CARBON, WATER = 1.7, 1.4  # Å, radii
SPHERE = 4 * np.pi * (CARBON + WATER) ** 2


def atoms(places, kind="protein"):
    """A residue of one carbon at each place."""
    n = len(places)
    ones, blank = np.ones(n), np.array([""] * n)
    return Structure(
        coordinates=np.array(places, np.float32), atom_name=np.array(["CA"] * n), element=np.array(["C"] * n),
        occupancy=ones, b_factor=np.arange(n) + 50.0, altloc=blank, alternates=0 * ones, atom_start=np.arange(n + 1),
        residue_name=np.array(["ALA"] * n), letters="A" * n, number=np.arange(n) + 1, insertion=blank,
        label=np.arange(n) + 1, kind=np.full(n, RESIDUE_KINDS.index(kind)), residue_start=np.array([0, n]),
        author=("A",), chain_label=("A",), expected=("A" * n,),
    )  # fmt: skip


def test_atoms_alone_have_their_spheres_and_touching_ones_lose_a_cap():
    np.testing.assert_allclose(accessible_area(atoms([[0, 0, 0], [50, 0, 0]])), SPHERE, rtol=1e-5)
    apart = 3.0
    cap = 2 * np.pi * (CARBON + WATER) * (CARBON + WATER - apart / 2)
    np.testing.assert_allclose(accessible_area(atoms([[0, 0, 0], [apart, 0, 0]])), SPHERE - cap, rtol=0.04)
    corners = [[x, y, z] for x in (-2, 0, 2) for y in (-2, 0, 2) for z in (-2, 0, 2) if (x, y, z) != (0, 0, 0)]
    around = [[0, 0, 0], *corners]
    assert accessible_area(atoms(around))[0] == 0


def test_waters_hide_nothing_and_have_no_area():
    wet = replace(atoms([[0, 0, 0], [1, 0, 0]]), kind=np.array([0, RESIDUE_KINDS.index("water")], np.uint8))
    area = accessible_area(wet)
    assert area[0] == pytest.approx(SPHERE, rel=1e-5) and area[1] == 0


def test_missing_residues_are_missing_places_and_confidences_are_means():
    structure = replace(atoms([[0, 0, 0], [9, 0, 0], [18, 0, 0]]), label=np.array([2, 3, 5]), expected=("AAAAAA",))
    tracks = residue_tracks(structure, predicted=True)
    assert np.flatnonzero(tracks["sasa"].known).tolist() == [1, 2, 4] and len(tracks["sasa"]) == 6
    assert tracks["plddt"].values[[1, 2, 4]].tolist() == [50, 51, 52]
    assert set(residue_tracks(structure)) == {"sasa"}
    with pytest.raises(FoundationError, match="has 0 proteins"):
        residue_tracks(atoms([[0, 0, 0]], kind="rna"))


def test_real_files_agree_with_biopythons_own_reading(bio_data):
    from Bio.PDB.MMCIFParser import MMCIFParser
    from Bio.PDB.SASA import ShrakeRupley

    path = bio_data / "structure" / "1A8O.cif"
    model = MMCIFParser(QUIET=True).get_structure("x", path)[0]
    for chain in model:
        for residue in [r for r in chain if r.id[0] == "W"]:
            chain.detach_child(residue.id)
    ShrakeRupley().compute(model, level="R")
    theirs = [r.sasa for r in model.get_residues() if "CA" in r]
    np.testing.assert_allclose(residue_tracks(read_structure(path))["sasa"].values, theirs, atol=1e-3)
