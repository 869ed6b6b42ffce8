"""The dump of a step that failed: every rank's micro-batches and the weights they met, as plain tensors and values."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch

from foundation.errors import FoundationError
from foundation.files import whole_file
from foundation.training.checkpoint import read

MODEL = "model.ckpt"
OURS = "foundation."


def write_dump(directory: Path, trainer: pl.Trainer, batches: Sequence[object]) -> None:
    """Write the weights, as a checkpoint, and this rank's micro-batches; every rank must call it."""
    trainer.save_checkpoint(directory / MODEL)
    with whole_file(directory / f"rank={trainer.global_rank}.ckpt") as temporary:
        torch.save({"batches": [plain(batch) for batch in batches], "step": trainer.global_step}, temporary)


def read_dump(directory: Path) -> tuple[dict[str, Any], list[Any]]:
    """The checkpoint, and the micro-batches of all ranks.

    Raises:
        FoundationError: no dump there.
    """
    ranks = sorted(directory.glob("rank=*.ckpt"))
    if not ranks:
        raise FoundationError(f"{directory} holds no dump of a step. Give a directory such as RUN/dump/step=12.")
    batches = [restored(batch) for path in ranks for batch in read(path)["batches"]]
    return read(directory / MODEL), batches


def plain(value: object) -> Any:  # noqa: ANN401 - what torch.load reads without running code
    """Tensors and plain values for a dataclass of them."""
    if is_dataclass(value) and not isinstance(value, type):
        kind = type(value)
        parts = {f.name: plain(getattr(value, f.name)) for f in fields(value) if f.init}
        return {"class": f"{kind.__module__}:{kind.__qualname__}", "parts": parts}
    if isinstance(value, Mapping):
        return {key: plain(part) for key, part in value.items()}
    return value.cpu() if isinstance(value, torch.Tensor) else value


def restored(value: Any) -> Any:  # noqa: ANN401
    """What `plain` was given; only classes of this package.

    Raises:
        FoundationError: another class.
    """
    if not isinstance(value, dict):
        return value
    if value.keys() != {"class", "parts"}:
        return {key: restored(part) for key, part in value.items()}
    module, _, name = value["class"].partition(":")
    if not module.startswith(OURS):
        raise FoundationError(f"A dump with a {value['class']}, which is none of this package. Give one that it wrote.")
    return getattr(import_module(module), name)(**restored(value["parts"]))
