"""CostCalibration: times micro-batches in training, and lets the ranks agree on what each data set costs."""

import time
from collections.abc import Callable

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback

from foundation.data.balance.calibration import Calibration
from foundation.data.fields.batch import FieldBatch
from foundation.data.fields.mix import FieldMix
from foundation.training.curves import completes_step


class CostCalibration(Callback):
    """Revises the costs of the mix that is trained on.

    Timed is the forward pass: the backward pass waits for other ranks, and takes a multiple of it. A revision holds
    from `every` steps after it was agreed on, so that loaders that read ahead know it in time.

    Args:
        every: optimiser steps between two revisions; more micro-batches than loaders read ahead.
    """

    def __init__(self, every: int) -> None:
        self.every = every
        self.calibration = Calibration()
        self._running: list[tuple[str, Callable[[], float]]] = []
        self._stop: Callable[[], None] | None = None

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: FieldBatch, batch_idx: int
    ) -> None:
        """Start the clock of a micro-batch."""
        self._stop, seconds = _clock(pl_module.device)
        self._running.append((batch.dataset, seconds))

    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: torch.Tensor) -> None:
        """Stop it before anything waits for another rank."""
        if self._stop is not None:
            self._stop()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """After every so many steps, agree and revise."""
        if completes_step(trainer, batch_idx) and trainer.global_step % self.every == 0:
            self.revise(trainer.train_dataloader.loader.mix, trainer.global_step + self.every)  # pyright: ignore

    def revise(self, mix: FieldMix, step: int) -> None:
        """Plan with what was timed on all ranks from `step` on; all ranks call it together."""
        work = {source.name: source.work for source in mix.sources}
        for name, seconds in self._running:
            self.calibration.add(*work[name], seconds())
        self._running = []
        mix.costs.revise(step, self.calibration.agree()(mix.work))


def _clock(device: torch.device) -> tuple[Callable[[], None], Callable[[], float]]:
    """A running clock: what stops it, and what tells its seconds then; a GPU's own, which it does not wait for."""
    if device.type == "cuda":
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        return end.record, lambda: _elapsed(begin, end)
    marks = [time.perf_counter()]
    return lambda: marks.append(time.perf_counter()), lambda: marks[1] - marks[0]


def _elapsed(begin: torch.cuda.Event, end: torch.cuda.Event) -> float:
    end.synchronize()
    return begin.elapsed_time(end) / 1000
