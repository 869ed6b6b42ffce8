"""Initial weights as Walrus has them: PyTorch's own, but every layer of a block starts by adding next to nothing."""

import math

import torch
from torch import nn

from foundation.model.fields.decoder import FieldDecoder
from foundation.model.fields.encoder import FieldEncoder
from foundation.model.fields.space_layer import SpaceLayer
from foundation.model.fields.time_layer import TimeLayer
from foundation.model.whole import whole

TINY = 1e-6  # of what the last linear map of a layer would have otherwise


@torch.no_grad()
def initialise(model: nn.Module) -> None:
    """Set all weights from torch's global generator; norms and rotary frequencies have theirs from construction."""
    for module in model.modules():
        if isinstance(module, FieldEncoder | FieldDecoder | TimeLayer | SpaceLayer):
            with whole(module.parameters()):
                _start(module)


def _start(module: nn.Module) -> None:
    if isinstance(module, FieldEncoder | FieldDecoder):
        _uniform(*(kernel for name, kernel in module.named_parameters() if name.startswith("proj")))
        for name, vector in module.named_parameters(recurse=False):
            if vector.dim() == 1:
                nn.init.constant_(vector, 0.0 if name == "bias2" else 1.0)
    elif isinstance(module, TimeLayer):
        nn.init.ones_(module.norm)
        nn.init.normal_(module.bias)
        _shrink(module.out)
    elif isinstance(module, SpaceLayer):
        nn.init.ones_(module.norm)
        _shrink(module.attn_out)
        _shrink(module.mlp_out)


def _uniform(*kernels: nn.Parameter) -> None:
    for kernel in kernels:
        nn.init.kaiming_uniform_(kernel, a=math.sqrt(5))


def _shrink(linear: nn.Linear) -> None:
    for part in linear.parameters():
        part.mul_(TINY)
