"""What a checkpoint of a model of tracks holds: written as a directory to load it from, or revived for another step."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from foundation.config import OptimConfig
from foundation.model.network_files import sizes
from foundation.model.tracks.config import TrackConfig
from foundation.model.tracks.pretrained import TrackModel
from foundation.model.tracks.transformer import TrackTransformer
from foundation.tokens import Space
from foundation.training.export import bundle_of
from foundation.training.tracks.module import TrackModule


def save(record: Mapping[str, Any], weights: Mapping[str, Tensor], out: Path, tokenizers: Path | None) -> None:
    """Write it; arguments as of the others."""
    bundle = bundle_of(record, tokenizers)
    with torch.device("meta"):
        model = TrackModel(*_parts(record), bundle)
    model.load_state_dict(weights, assign=True)
    model.save_pretrained(out)


def revived(record: Mapping[str, Any]) -> TrackModule:
    """The module that trains it, with new weights."""
    config = record["config"]
    optim = OptimConfig(**sizes(config["optim"]))
    return TrackModule(TrackTransformer(*_parts(record)), optim, 1, record, config["seed"])


def _parts(record: Mapping[str, Any]) -> tuple[TrackConfig, list[Space]]:
    return TrackConfig(**sizes(record["config"]["model"])), [Space.restore(s) for s in record["spaces"]]
