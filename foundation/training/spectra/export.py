"""A trained model of spectra as a directory to load it from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from foundation.model.network_files import sizes
from foundation.model.spectra.config import SpectraConfig
from foundation.model.spectra.pretrained import SpectralModel
from foundation.tokenizers.native import NativeConfig


def save(record: Mapping[str, Any], weights: Mapping[str, Tensor], out: Path, tokenizers: Path | None = None) -> None:
    """Write it; arguments as of the others."""
    config = record["config"]
    with torch.device("meta"):
        model = SpectralModel(SpectraConfig(**sizes(config["model"])), NativeConfig(**sizes(config["cut"])))
    model.load_state_dict(weights, assign=True)
    model.save_pretrained(out)
