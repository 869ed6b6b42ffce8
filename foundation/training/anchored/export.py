"""What a checkpoint of an anchored model holds: written as a directory to load it from, or revived for another step."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from foundation.config import OptimConfig
from foundation.model.anchored.config import AnchoredConfig
from foundation.model.anchored.pretrained import AnchoredModel
from foundation.model.anchored.transformer import AnchoredTransformer
from foundation.model.network_files import sizes
from foundation.training.anchored.config import AnchoredObjective
from foundation.training.anchored.module import AnchoredModule


def save(record: Mapping[str, Any], weights: Mapping[str, Tensor], out: Path, tokenizers: Path | None = None) -> None:
    """Write it; arguments as of the others."""
    with torch.device("meta"):
        model = AnchoredModel(AnchoredConfig(**sizes(record["config"]["model"])))
    model.load_state_dict(weights, assign=True)
    model.save_pretrained(out)


def revived(record: Mapping[str, Any]) -> AnchoredModule:
    """The module that trains it, with new weights."""
    config = record["config"]
    model = AnchoredTransformer(AnchoredConfig(**sizes(config["model"])))
    return AnchoredModule(
        model, OptimConfig(**sizes(config["optim"])), 1, AnchoredObjective(**config["objective"]), record
    )
