"""What a checkpoint of a model of spectra holds: written as a directory to load, or revived for another step."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from foundation.config import OptimConfig
from foundation.model.network_files import sizes
from foundation.model.spectra.config import SpectraConfig
from foundation.model.spectra.pretrained import SpectralModel
from foundation.tokenizers.native import NativeConfig
from foundation.training.spectra.config import SpectraObjective
from foundation.training.spectra.module import SpectraModule


def save(record: Mapping[str, Any], weights: Mapping[str, Tensor], out: Path, tokenizers: Path | None = None) -> None:
    """Write it; arguments as of the others."""
    with torch.device("meta"):
        model = SpectralModel(*_parts(record))
    model.load_state_dict(weights, assign=True)
    model.save_pretrained(out)


def revived(record: Mapping[str, Any]) -> SpectraModule:
    """The module that trains it, with new weights."""
    config = record["config"]
    optim, objective = OptimConfig(**sizes(config["optim"])), SpectraObjective(**config["objective"])
    return SpectraModule(SpectralModel(*_parts(record)), optim, 1, objective, record)


def _parts(record: Mapping[str, Any]) -> tuple[SpectraConfig, NativeConfig]:
    config = record["config"]
    return SpectraConfig(**sizes(config["model"])), NativeConfig(**sizes(config["cut"]))
