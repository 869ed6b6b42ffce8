"""The files of a stored field network: config.json, which says what it is, and model.safetensors."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from safetensors.torch import save_file
from torch import Tensor

from foundation import __version__
from foundation.errors import FoundationError
from foundation.files import whole_directory
from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.unet_config import UNetConfig
from foundation.model.stored import stored_kind

FORMAT = 1  # of config.json; raise it when an older reader would misread the file
WEIGHTS = "model.safetensors"
Config = TypeVar("Config", FieldModelConfig, UNetConfig)


def write_network(
    directory: Path,
    kind: str,
    config: FieldModelConfig | UNetConfig,
    names: tuple[str, ...],
    weights: Mapping[str, Tensor],
) -> None:
    """Write both files, whole or not at all; `kind` tells config.json from that of other models.

    Raises:
        FoundationError: the directory exists and holds no network of this kind, or the disk is full.
    """
    if directory.exists() and stored_kind(directory) != kind and any(directory.iterdir()):
        raise FoundationError(f"{directory} exists and holds no field model. Give a new directory.")
    content = {"format": FORMAT, "kind": kind, "foundation": __version__, "model": asdict(config), "names": names}
    with whole_directory(directory) as temporary:
        (temporary / "config.json").write_text(json.dumps(content, indent=2) + "\n")
        flat = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
        save_file(flat, temporary / WEIGHTS, metadata={"format": "pt"})


def read_config(directory: Path, kind: type[Config]) -> tuple[Config, tuple[str, ...]]:
    """Sizes and names of the fields in config.json.

    Raises:
        FoundationError: the file is of another version, or edited wrongly.
    """
    path = directory / "config.json"
    stored = json.loads(path.read_text())
    if stored.get("format") != FORMAT:
        raise FoundationError(
            f"{path} has format {stored.get('format')}, this version reads {FORMAT}. Install the matching version."
        )
    try:
        sizes: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in stored["model"].items()}
        return kind(**sizes), tuple(stored["names"])
    except (TypeError, KeyError, AttributeError) as error:
        raise FoundationError(f"{path} is damaged or edited wrongly ({error}). Export the model again.") from error
