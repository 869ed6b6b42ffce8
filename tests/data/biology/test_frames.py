"""Frames follow the molecule: rotating or shifting it changes nothing between residues."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from foundation.data.biology.frames import AMINO_ACIDS, backbone_frames, backbone_of
from foundation.errors import FoundationError


@pytest.fixture
def backbone():
    rng = np.random.default_rng(0)
    alpha = np.cumsum(rng.normal(0, 2.2, (30, 3)), 0)
    bonds = rng.normal(0, 1, (2, 30, 3))
    return np.stack([alpha + bonds[0], alpha, alpha + bonds[1]], 1)


def between(rotation, translation):
    """Each residue as every other one sees it."""
    local = np.einsum("iba,ijb->ija", rotation, translation[None] - translation[:, None])
    return np.einsum("iba,jbc->ijac", rotation, rotation), local


def test_residues_see_each_other_alike_however_the_molecule_lies(backbone):
    rotation = Rotation.random(rng=1).as_matrix()
    moved = backbone @ rotation.T + [12.0, -7.0, 30.0]
    for before, after in zip(between(*backbone_frames(backbone)), between(*backbone_frames(moved)), strict=True):
        np.testing.assert_allclose(before, after, atol=1e-5)


def test_frames_are_rotations_with_the_documented_axes(backbone):
    rotation, translation = backbone_frames(backbone)
    assert rotation.dtype == translation.dtype == np.float32
    for residue, matrix in enumerate(rotation):
        np.testing.assert_allclose(Rotation.from_matrix(matrix.astype(float)).as_matrix(), matrix, atol=1e-6)
        nitrogen, alpha, carbon = backbone[residue]
        inside = (np.stack([nitrogen, carbon]) - alpha) @ matrix
        assert inside[1] == pytest.approx([np.linalg.norm(carbon - alpha), 0, 0], abs=1e-5)
        assert inside[0, 2] == pytest.approx(0, abs=1e-5)
        assert inside[0, 1] > 0
    np.testing.assert_allclose(translation, 0.1 * (backbone[:, 1] - backbone[:, 1].mean(0)), atol=1e-5)


def test_frames_survive_the_way_to_atoms_and_back(backbone):
    frames = backbone_frames(backbone)
    atoms = backbone_of(*frames)
    np.testing.assert_allclose(atoms[:, 1], backbone[:, 1] - backbone[:, 1].mean(0), atol=1e-4)
    for before, after in zip(frames, backbone_frames(atoms), strict=True):
        np.testing.assert_allclose(before, after, atol=1e-5)


def test_a_backbone_without_directions_is_refused(backbone):
    with pytest.raises(FoundationError, match="no residues"):
        backbone_frames(backbone[:0])
    hole = backbone.copy()
    hole[3, 0] = np.nan
    with pytest.raises(FoundationError, match="1 of 30 residues lack"):
        backbone_frames(hole)
    line = backbone.copy()
    line[4] = [[0, 0, 0], [1, 0, 0], [2, 0, 0]]
    with pytest.raises(FoundationError, match=r"residue 4 .* on a line"):
        backbone_frames(line)


def test_the_residue_table_is_in_order_of_three_letter_names():
    from Bio.Data.IUPACData import protein_letters_3to1

    assert "".join(protein_letters_3to1[name] for name in sorted(protein_letters_3to1)) == AMINO_ACIDS
