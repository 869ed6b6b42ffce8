"""What a checkpoint of a field network holds: written as a directory to load it from, or revived for another step."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from foundation.config import OptimConfig
from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.pretrained import FieldModel
from foundation.model.fields.stored_unet import FieldUNet
from foundation.model.fields.transformer import FieldTransformer
from foundation.model.fields.unet import UNet
from foundation.model.fields.unet_config import UNetConfig
from foundation.model.network_files import sizes
from foundation.training.fields.latent import LatentConfig
from foundation.training.fields.module import FieldModule
from foundation.training.fields.objective import FieldObjective


def save(record: Mapping[str, Any], weights: Mapping[str, Tensor], out: Path, tokenizers: Path | None = None) -> None:
    """Write it; arguments as of the others."""
    config, names = record["config"], record["fields"]
    with torch.device("meta"):
        if config["network"] == "unet":
            model = FieldUNet(UNetConfig(**sizes(config["unet"])), names)
        else:
            model = FieldModel(FieldModelConfig(**sizes(config["model"])), names)
    model.load_state_dict(weights, assign=True)
    model.save_pretrained(out)


def revived(record: Mapping[str, Any]) -> FieldModule:
    """The module that trains it, with new weights."""
    config, names = record["config"], record["fields"]
    unet = config["network"] == "unet"
    model = UNet(UNetConfig(**sizes(config["unet"])), names) if unet else None
    model = model or FieldTransformer(FieldModelConfig(**sizes(config["model"])), names)
    asked = config["objective"] | {"latent": LatentConfig(**sizes(config["objective"]["latent"]))}
    optim = OptimConfig(**sizes(config["optim"]))
    sets = tuple(config["data"]["sets"])
    return FieldModule(model, optim, 1, sets, FieldObjective(**asked), config["seed"], record)
