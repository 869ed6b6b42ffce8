"""Small anchored models with weights far from zero, and proteins."""

import pytest
import torch

from foundation.model.anchored.batch import Protein
from foundation.model.anchored.config import AnchoredConfig
from foundation.model.anchored.transformer import AnchoredTransformer

SMALL = {"width": 32, "heads": 2, "dim": 32, "hidden": 32, "depth": 1, "protein_depth": 1}


@pytest.fixture
def make_model():
    """Logits vary by a nat, and ends are as likely as `ends` makes them."""

    def make(factorisation="pairs", ends=0.0, **sizes):
        torch.manual_seed(0)
        model = AnchoredTransformer(AnchoredConfig(factorisation=factorisation, **(SMALL | sizes))).eval()
        with torch.no_grad():
            model.head.weight.mul_(0.8)
            model.head.bias[4] = ends
        return model

    return make


@pytest.fixture
def proteins():
    """Two chains, the second longer than a block of keys."""
    generator, made = torch.Generator().manual_seed(1), []
    for residues in (9, 70):
        rotation = torch.linalg.qr(torch.randn(residues, 3, 3, generator=generator)).Q
        ids = torch.randint(20, (residues,), generator=generator)
        made.append(Protein(ids, rotation, torch.randn(residues, 3, generator=generator), torch.arange(residues)))
    return made
