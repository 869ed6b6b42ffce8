"""The files of a stored network: config.json, which says what kind it is of, model.safetensors and a card."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from safetensors.torch import save_file
from torch import Tensor

from foundation import __version__
from foundation.errors import FoundationError
from foundation.files import whole_directory
from foundation.model.stored import stored_kind

FORMAT = 1  # of config.json; raise it when an older reader would misread the file
CONFIG, WEIGHTS = "config.json", "model.safetensors"
Made = TypeVar("Made")


def write_network(
    directory: Path, kind: str, called: str, parts: Mapping[str, object], weights: Mapping[str, Tensor], readme: str
) -> None:
    """Write all three files, whole or not at all.

    Args:
        directory: new, or one that holds a network of this kind, which is replaced.
        kind: tells config.json from that of other models.
        called: the kind in an error.
        parts: what config.json has beside, as plain values.
        weights: none of which share memory.
        readme: the card.

    Raises:
        FoundationError: the directory exists and holds no network of this kind, or the disk is full.
    """
    if directory.exists() and stored_kind(directory) != kind and any(directory.iterdir()):
        raise FoundationError(f"{directory} exists and holds no {called}. Give a new directory.")
    content = {"format": FORMAT, "kind": kind, "foundation": __version__, **parts}
    with whole_directory(directory) as temporary:
        (temporary / CONFIG).write_text(json.dumps(content, indent=2) + "\n")
        flat = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
        save_file(flat, temporary / WEIGHTS, metadata={"format": "pt"})
        (temporary / "README.md").write_text(readme)


def read_config(directory: Path, make: Callable[[dict[str, Any]], Made]) -> Made:
    """What `make` makes of the content of config.json.

    Raises:
        FoundationError: the file is of another version, or edited wrongly.
    """
    path = directory / CONFIG
    stored = json.loads(path.read_text())
    if stored.get("format") != FORMAT:
        raise FoundationError(
            f"{path} has format {stored.get('format')}, this version reads {FORMAT}. Install the matching version."
        )
    try:
        return make(stored)
    except (TypeError, KeyError, AttributeError) as error:
        raise FoundationError(f"{path} is damaged or edited wrongly ({error}). Export the model again.") from error


def sizes(stored: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a config class as it had them: JSON has lists for tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()}
