"""Training checkpoints: written whole or not at all, read without unpickling code, found again after a crash."""

import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.utilities import rank_zero_warn
from lightning.pytorch.utilities.exceptions import SIGTERMException

from foundation.errors import FoundationError
from foundation.files import whole_file

STEP = re.compile(r"step=(\d+)\.ckpt")


class CheckpointError(FoundationError):
    """A checkpoint that cannot be read, or that belongs to another run."""


class CheckpointFile(TorchCheckpointIO):
    """Lightning's checkpoint file, through a temporary name on the way in and without code on the way out."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: object = None) -> None:
        """Write `checkpoint` to a temporary file beside `path` and rename it: a kill leaves the old file or the new.

        Raises:
            CheckpointError: the disk is full; the checkpoints that are there stay.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        needed, free = _bytes(checkpoint), shutil.disk_usage(path.parent).free
        full = CheckpointError(
            f"{path.parent}: a checkpoint needs {needed:,} bytes, {free:,} are free; the one before is intact. Free "
            "some space and go on with `--resume auto`, or keep fewer with `--trainer.keep_last`."
        )
        if needed > free:
            raise full
        try:
            with whole_file(path) as temporary:
                torch.save(checkpoint, temporary)
        except RuntimeError as error:  # as torch calls a write that failed; other disks fill up while it writes
            if shutil.disk_usage(path.parent).free < needed:
                raise full from error
            raise

    def load_checkpoint(
        self, path: str | Path, map_location: object = "cpu", weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Read a checkpoint onto the CPU; only tensors and plain values, whatever `weights_only` says."""
        return read(Path(path))


def _bytes(content: object) -> int:
    """Of the tensors in a checkpoint, which are nearly all of it."""
    if isinstance(content, torch.Tensor):
        return content.nbytes
    parts = content.values() if isinstance(content, dict) else content if isinstance(content, list | tuple) else ()
    return sum(map(_bytes, parts))


def read(path: Path) -> dict[str, Any]:
    """The checkpoint at `path`, on the CPU.

    Raises:
        CheckpointError: no such file, a damaged one, or one that holds more than tensors and plain values.
    """
    if not path.is_file():
        raise CheckpointError(
            f"{path}: no such checkpoint. Give a .ckpt file, or `--resume auto` to take the last of the run."
        )
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch, zipfile and pickle each have their own; all mean the same to the reader
        reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        raise CheckpointError(
            f"{path}: not a whole training checkpoint ({reason}). "
            "Delete it, and use `--resume auto` to take the one before."
        ) from error


def is_whole(path: Path) -> bool:
    """Whether every part of the file is there and matches its checksum; reads it once, without unpacking it."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile, EOFError, ValueError):
        return False


def latest(directory: Path) -> Path | None:
    """The last whole checkpoint in `directory`; damaged ones are named in a warning and passed over."""
    steps = sorted((int(m[1]), p) for p in directory.glob("step=*.ckpt") if (m := STEP.fullmatch(p.name)))
    for _, path in reversed(steps):
        if is_whole(path):
            return path
        rank_zero_warn(f"{path}: damaged checkpoint, passed over. Taking the one before; delete this file.")
    return None


def remove_leftovers(directory: Path) -> None:
    """Delete the half-written temporary files that a killed run left; no other run may be writing here."""
    for path in directory.glob(".*.ckpt.*"):
        path.unlink()


class StepCheckpoint(ModelCheckpoint):
    """Keeps the last `keep` checkpoints, one every `every` optimiser steps and one at the end, and links `last.ckpt`.

    Also saves when the job is told to end (SIGTERM), which Lightning acts upon between two steps. Not on other
    exceptions: they may strike inside a step, when the data position and the weights belong to different steps.
    """

    def __init__(self, directory: Path, every: int, keep: int) -> None:
        super().__init__(
            dirpath=directory,
            filename="{step}",
            monitor="step",
            mode="max",
            save_top_k=keep,
            save_last="link",
            every_n_train_steps=every,
            save_on_exception=True,
            enable_version_counter=False,
        )

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Save if it is time, and in any case after the last step of the run."""
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)  # type: ignore[arg-type]
        if trainer.global_step == trainer.max_steps and not self._should_skip_saving_checkpoint(trainer):
            candidates = self._monitor_candidates(trainer)
            self._save_topk_checkpoint(trainer, candidates)
            self._save_last_checkpoint(trainer, candidates)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Save if the process was asked to end."""
        if isinstance(exception, SIGTERMException):
            super().on_exception(trainer, pl_module, exception)
