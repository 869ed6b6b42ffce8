"""Training progress where nobody watches a terminal: one plain line every few steps, with what is left."""

import sys
import time

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback, ProgressBar, RichProgressBar

from foundation.training.curves import completes_step


class ProgressLines(ProgressBar):
    """Prints `step 200/1000, loss 3.21, about 95 s left` to stderr every `every` optimiser steps."""

    def __init__(self, every: int) -> None:
        super().__init__()
        self.every = every
        self._first = 0
        self._start = 0.0

    def disable(self) -> None:
        """Called by Lightning on every rank but the first."""
        self.every = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock; a resumed run counts only its own steps."""
        self._first, self._start = trainer.global_step, time.monotonic()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Print a line at the first step, at every `every`-th and at the last."""
        step, steps = trainer.global_step, trainer.max_steps
        if not self.every or not completes_step(trainer, batch_idx):
            return
        if step % self.every and step not in (self._first + 1, steps):
            return
        left = (time.monotonic() - self._start) / (step - self._first) * (steps - step)
        loss = float(trainer.callback_metrics["train/loss"])
        print(f"step {step}/{steps}, loss {loss:.4g}, about {left:.0f} s left", file=sys.stderr, flush=True)


def progress(every: int) -> Callback:
    """A bar with a total on a terminal, plain lines elsewhere."""
    return RichProgressBar() if sys.stderr.isatty() else ProgressLines(every)
