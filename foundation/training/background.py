"""Checkpoints written in the background: training goes on from the moment at which a copy is in host memory."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from lightning_utilities.core.apply_func import apply_to_collection

from foundation.training.checkpoint import CheckpointFile


class BackgroundFile(CheckpointFile):
    """As CheckpointFile, one file at a time and in order, in a thread of its own.

    An old checkpoint is deleted only after the new one is whole, and not at all if that failed, so a kill at any
    instant leaves one to go on from. What went wrong is raised by the next call, at the latest at the end of the run.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "checkpoint")
        self._last: Future[None] | None = None

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: object = None) -> None:
        """Begin to write a copy of `checkpoint`, once what was asked before is done; errors are those of that."""
        self._finish()
        Path(path).parent.mkdir(parents=True, exist_ok=True)  # Lightning links to the file at once
        copy, save = apply_to_collection(checkpoint, torch.Tensor, _in_host_memory), super().save_checkpoint
        self._last = self._thread.submit(lambda: save(copy, path))

    def remove_checkpoint(self, path: str | Path) -> None:
        """Delete a file, once what was asked before is done."""
        remove = super().remove_checkpoint
        self._last = self._thread.submit(_after, self._last, lambda: remove(path))

    def load_checkpoint(
        self, path: str | Path, map_location: object = "cpu", weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Read a checkpoint, once all are whole."""
        self._finish()
        return super().load_checkpoint(path, map_location, weights_only)

    def teardown(self) -> None:
        """Wait for what was asked."""
        self._finish()

    def _finish(self) -> None:
        last, self._last = self._last, None
        if last is not None:
            last.result()


def _after(before: "Future[None] | None", action: Callable[[], None]) -> None:
    """Do it if what was asked before went well; the one thread has done that already."""
    if before is not None:
        before.result()
    action()


def _in_host_memory(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().to("cpu", copy=True)
