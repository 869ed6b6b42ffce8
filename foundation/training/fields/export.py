"""A trained field network as a directory to load it from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.pretrained import FieldModel
from foundation.model.fields.stored_unet import FieldUNet
from foundation.model.fields.unet_config import UNetConfig
from foundation.model.network_files import sizes


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
