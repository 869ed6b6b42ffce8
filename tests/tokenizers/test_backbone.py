"""Backbone tokens: what residues are to each other does not depend on how the molecule lies, and CA comes back."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from foundation.data.records import Sequence
from foundation.errors import FoundationError
from foundation.tokenizers.backbone import BackboneConfig, BackboneTokenizer
from foundation.tokenizers.base import TokenizerError


@pytest.fixture
def tokenizer():
    return BackboneTokenizer(BackboneConfig(), "backbone")


def frames(tokens):
    numbers = tokens.vectors["backbone"].numpy()
    return numbers[:, :9].reshape(-1, 3, 3), numbers[:, 9:]


def test_residues_relate_alike_however_the_molecule_lies(tokenizer, make_backbone):
    structure = make_backbone()
    turn = Rotation.random(rng=2).as_matrix()
    moved = replace(structure, coordinates=structure.coordinates @ turn.T + [30.0, -8.0, 5.0])
    relations = []
    for tokens in tokenizer.encode([structure, moved]):
        rotation, translation = frames(tokens)
        apart = np.einsum("iba,ijb->ija", rotation, translation[None] - translation[:, None])
        relations.append((np.einsum("iba,jbc->ijac", rotation, rotation), apart))
    for before, after in zip(*relations, strict=True):
        np.testing.assert_allclose(before, after, atol=5e-5)  # coordinates are float32


def test_alpha_carbons_and_frames_come_back(tokenizer, make_backbone):
    structure = make_backbone()
    tokens = tokenizer.encode([structure])[0]
    back = tokenizer.decode([tokens])[0]
    alpha = structure.place("CA")
    np.testing.assert_allclose(back.place("CA"), alpha - alpha.mean(0), atol=1e-3)
    again = tokenizer.encode([back])[0]
    np.testing.assert_allclose(again.vectors["backbone"], tokens.vectors["backbone"], atol=1e-5)
    assert again.position.tolist() == tokens.position.tolist()


def test_gaps_and_insertions_keep_their_places(tokenizer, make_backbone):
    tokens = tokenizer.encode([make_backbone(residues=7)])[0]
    assert tokens.position[:, 0].tolist() == [0, 1, 2, 4, 10, 11, 12]  # numbered 0 1 1A 3 9 10 11


def test_residues_without_a_backbone_are_left_out(tokenizer, make_backbone):
    structure = make_backbone(residues=6)
    names = structure.atom_name.copy()
    names[4 * 4 + 1, :2] = (ord("X"), 0)  # the CA of the fifth residue
    tokens = tokenizer.encode([replace(structure, atom_name=names)])[0]
    assert tokens.position[:, 0].tolist() == [0, 1, 2, 4, 11]


def test_records_without_a_protein_are_refused(tokenizer, make_backbone):
    structure = make_backbone(residues=6)
    with pytest.raises(TokenizerError, match="takes a Structure"):
        tokenizer.encode([Sequence("ACG", "rna")])
    with pytest.raises(FoundationError, match="has no protein, it has A"):
        tokenizer.encode([replace(structure, kind=np.full(6, 1))])
    with pytest.raises(FoundationError, match="none of 6 protein residues has N, CA and C"):
        tokenizer.encode([replace(structure, atom_name=np.array(["O"] * 24))])
    with pytest.raises(TokenizerError, match="a protein of 12 places, 10 at most"):
        BackboneTokenizer(BackboneConfig(longest=10), "backbone").encode([structure])
    assert not tokenizer.accepts(replace(structure, kind=np.full(6, 1)))
