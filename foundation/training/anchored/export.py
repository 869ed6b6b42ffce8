"""A trained anchored model as a directory to load it from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from foundation.model.anchored.config import AnchoredConfig
from foundation.model.anchored.pretrained import AnchoredModel
from foundation.model.network_files import sizes


def save(record: Mapping[str, Any], weights: Mapping[str, Tensor], out: Path, tokenizers: Path | None = None) -> None:
    """Write it; arguments as of the others."""
    with torch.device("meta"):
        model = AnchoredModel(AnchoredConfig(**sizes(record["config"]["model"])))
    model.load_state_dict(weights, assign=True)
    model.save_pretrained(out)
