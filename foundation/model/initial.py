"""Initial weights of AION-1 (arXiv:2510.17960): Xavier-uniform linear maps, normal embeddings."""

import torch
from torch import nn

STACKED = {"qkv": 3, "kv": 2, "gate_up": 2}  # square matrices stored as one count apart for the bound
DEVIATION = 0.02  # of embeddings


@torch.no_grad()
def initialise(model: nn.Module) -> None:
    """Set all weights from torch's global generator; norms stay at one."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            for part in module.weight.chunk(STACKED.get(name.rsplit(".", 1)[-1], 1)):
                nn.init.xavier_uniform_(part)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=DEVIATION)
            if module.padding_idx is not None:
                module.weight[module.padding_idx] = 0
    nn.init.normal_(model.embed.query, std=DEVIATION)
