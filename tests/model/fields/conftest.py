"""The slow reading of Walrus beside the package's model, with the same random weights."""

from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import torch

from foundation.interop.walrus import FIELDS, to_released
from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.transformer import FieldTransformer

SMALL = FieldModelConfig(width=48, depth=2, heads=2, hidden=40, inner=8, frequencies=3, tokens=(16, 16, 4))


@pytest.fixture(scope="session")
def slow():
    """tests/model/fields/slow_walrus.py as a module."""
    spec = spec_from_file_location("slow_walrus", Path(__file__).with_name("slow_walrus.py"))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def build():
    """A model of fixed random weights; keywords replace entries of its configuration."""

    def make(names=FIELDS, dtype=torch.float64, **changes):
        torch.manual_seed(3)
        model = FieldTransformer(replace(SMALL, **changes), names).to(dtype).eval()
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if parameter.dim() > 1:
                    parameter.normal_(std=parameter[0].numel() ** -0.5)
                elif "frequency" not in name:  # what starts at 0 or 1 would hide mistakes
                    parameter += 0.1 * torch.randn(parameter.shape, dtype=dtype)
        return model

    return make


@pytest.fixture
def both(slow):
    """Outputs [B, T, C, H, W, D] of the model and of the slow reading for the same draws, and its weights."""

    def run(model, values, names, boundary, seed=None, **options):
        codes = torch.tensor(boundary)

        def generator():
            return None if seed is None else torch.Generator().manual_seed(seed)

        fast = model(values, names, codes, generator())
        setting = model.setting(values, names, codes, generator())
        weights = {n: t.detach().clone() for n, t in to_released(model.state_dict(), model.config).items()}
        weights = {n: t.to(values.dtype).requires_grad_("freqs" not in n) for n, t in weights.items()}
        shown = slow.slow_walrus(
            weights, values.transpose(0, 1), [3 + model.names.index(n) for n in names], boundary,
            [axis.stride for axis in setting.grid], setting.draws.shifts, setting.draws.rolls,
            jitter=model.config.jitter, **options,
        )  # fmt: skip
        return fast, shown.transpose(0, 1), weights

    return run
