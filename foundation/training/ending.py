"""How a run ends before its time: told to by SIGTERM, on all ranks at once; or because another rank is gone."""

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import distributed

from foundation.errors import FoundationError
from foundation.training.curves import completes_step
from foundation.training.loss import summed

GONE = re.compile(r"gloo|NCCL|ProcessGroup|Connection (?:closed|reset)|Broken pipe|[Tt]imed out|timeout")


class Ending(Callback):
    """Raises SIGTERMException on every rank after the step in which any of them got SIGTERM.

    Checkpoints are saved upon it (StepCheckpoint). Lightning's own handler talks to other ranks while they may be in
    the middle of something else, and ends between micro-batches of a step, whose gradients would be lost.
    """

    def __init__(self) -> None:
        self._told = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Listen instead of Lightning."""
        trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor = lambda: None
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._hear)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self._told = True

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Ask all ranks, after the last micro-batch of a step.

        Raises:
            SIGTERMException: one of them was told.
        """
        if completes_step(trainer, batch_idx) and summed(torch.tensor(float(self._told), device=pl_module.device)):
            raise SIGTERMException


@contextmanager
def missing_ranks_explained(out: Path, patience: float) -> Iterator[None]:
    """Turn the error of a lost connection into a sentence.

    Args:
        out: run directory.
        patience: seconds after which a rank is given up.
    """
    try:
        yield
    except RuntimeError as error:
        lost = isinstance(error, distributed.DistError) or GONE.search(str(error))
        if not lost or not distributed.is_initialized():
            raise
        raise FoundationError(
            f"{out}: another rank has ended or did not answer within {patience:g} s "
            f"({str(error).splitlines()[0][:200]}). See what it said; type the same with `--resume auto` to go on."
        ) from error
