"""AION-1 with random weights in its released layout, and arrays of tokens of its keys."""

import pytest
import torch

from foundation.interop.aion import released_config, to_released
from foundation.interop.aion_keys import KEYS
from foundation.model.pretrained import FoundationModel
from foundation.sampling.template import template

FEW = ("catalog", "tok_ebv", "tok_segmap", "tok_spectrum_desi", "tok_xp_bp", "tok_z")
SMALL = {"width": 48, "depth": 2, "decoder_depth": 2, "heads": 4, "mlp_ratio": 4}


@pytest.fixture(scope="session")
def aion():
    """FoundationModel over some keys with none of its weights at zero or one."""

    def make(names=FEW, released_behaviour=False, sizes=SMALL):
        torch.manual_seed(0)
        spaces = [KEYS[n].space for n in names]
        model = FoundationModel(released_config(released_behaviour, **sizes), spaces).eval()
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter += (0.1 if "norm" in name else 0.02) * torch.randn(parameter.shape)
        return model

    return make


@pytest.fixture(scope="session")
def weights():
    """Released tensors of a model, apart from its own."""
    return lambda model: {
        n: t.detach().clone() for n, t in to_released(model.state_dict(), model.config, model.spaces).items()
    }


@pytest.fixture(scope="session")
def draw_arrays():
    """Random codes [objects, n] of keys."""

    def draw(names, objects=2, seed=0):
        generator = torch.Generator().manual_seed(seed)
        return {
            n: torch.randint(KEYS[n].size, (objects, len(template(KEYS[n].space))), generator=generator) for n in names
        }

    return draw
