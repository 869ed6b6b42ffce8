import pytest
import torch

from foundation.errors import FoundationError
from foundation.model.anchored.batch import AnchoredBatch, Protein
from foundation.model.anchored.config import AnchoredConfig
from foundation.model.anchored.order import grow

ROWS = grow(torch.tensor([0, 1, 2]), 1)


def test_layouts_share_the_residues_of_a_protein(make_protein):
    batch = AnchoredBatch.of([make_protein(4), make_protein(6, 1)], [ROWS, ROWS, ROWS], [1, 0, 1], [True, False, True])
    assert batch.residue_offsets.tolist() == [0, 4, 10] and batch.offsets.tolist() == [
        0,
        *(len(ROWS) * i for i in (1, 2, 3)),
    ]
    assert batch.cross_layout.key_of.tolist() == [1, 0, 1] and batch.rna.tolist() == [1, 0, 1]
    assert batch.sample.tolist() == [i for i in range(3) for _ in range(len(ROWS))]
    assert batch.to("cpu").samples == 3


def test_proteins_alone(make_protein):
    assert AnchoredBatch.of([make_protein(4)], []).samples == 0


def test_refusals(make_protein):
    with pytest.raises(FoundationError, match="Name for each sample one of the proteins"):
        AnchoredBatch.of([make_protein(4)], [ROWS], [1])
    with pytest.raises(FoundationError, match="1 kinds"):
        AnchoredBatch.of([make_protein(4)], [ROWS, ROWS], [0, 0], [True])
    protein = make_protein(4)
    with pytest.raises(FoundationError, match="run from"):
        Protein(protein.residues + 21, protein.rotation, protein.translation, protein.index)


@pytest.mark.parametrize("sizes", [{"width": 5}, {"dim": 3}, {"points": 22}, {"depth": 0}, {"base": 1.0}])
def test_sizes_that_do_not_fit(sizes):
    with pytest.raises(FoundationError):
        AnchoredConfig(**sizes)
