"""Files of tensors by name, as PyTorch and safetensors store them; nothing in a file is run."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from foundation.errors import FoundationError

LEVELS = ("app", "model")  # under which a trainer stores the weights
PREFIXES = ("module.", "_orig_mod.")  # of wrapped and of compiled models


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a file by name, without what trainers wrap around them; nothing in it is run.

    Raises:
        FoundationError: the file is missing or damaged, holds more than tensors, or no dictionary of them.
    """
    try:
        if path.suffix == ".safetensors":
            content: object = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        raise FoundationError(
            f"{path} holds more than tensors, or is damaged, and is not read: it could run code. "
            "Save its state dict alone, best as safetensors."
        ) from error
    except (OSError, RuntimeError, EOFError, ValueError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200]
        raise FoundationError(f"{path} cannot be read ({reason}). Copy it again.") from error
    for level in LEVELS:
        if isinstance(content, Mapping) and level in content:
            content = content[level]
    if not isinstance(content, Mapping) or not all(isinstance(t, Tensor) for t in content.values()):
        raise FoundationError(f"{path} is no dictionary of tensors. Give the file that holds the model's weights.")
    return {_bare(str(name)): tensor for name, tensor in content.items()}


def _bare(name: str) -> str:
    for prefix in PREFIXES * 2:  # either may be the outer one
        name = name.removeprefix(prefix)
    return name
