"""Proteins and sequences for the anchored model, and the model far from its initial weights."""

import importlib.util
from pathlib import Path

import pytest
import torch

from foundation.model.anchored.batch import Protein
from foundation.model.anchored.config import AnchoredConfig
from foundation.model.anchored.transformer import AnchoredTransformer


@pytest.fixture(scope="session")
def slow():
    """The slow reading beside this file; test modules are imported by path and cannot import each other."""
    spec = importlib.util.spec_from_file_location("slow_rnabang", Path(__file__).with_name("slow_rnabang.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def make_protein():
    """A chain of residues with random frames, some missing from its numbering."""

    def make(residues, seed=0, dtype=torch.float32):
        generator = torch.Generator().manual_seed(seed)
        rotation = torch.linalg.qr(torch.randn(residues, 3, 3, generator=generator, dtype=torch.float64)).Q
        rotation = rotation * torch.linalg.det(rotation).sign()[:, None, None]
        translation = torch.randn(residues, 3, generator=generator, dtype=torch.float64).cumsum(0) * 0.2
        ids = torch.randint(21, (residues,), generator=generator)
        skipped = torch.randint(1, 3, (residues,), generator=generator).cumsum(0)
        return Protein(ids, rotation.to(dtype), (translation - translation.mean(0)).to(dtype), skipped)

    return make


@pytest.fixture
def make_model():
    """A model with all weights drawn anew, gains included, so that an error in any of them shows."""

    def make(**sizes):
        torch.manual_seed(0)
        model = AnchoredTransformer(AnchoredConfig(**sizes)).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() == 1:
                    parameter.add_(0.3 * torch.randn_like(parameter))
        return model

    return make
