"""A run that was stopped between a step and the validation that follows it validates before it goes on."""

from pathlib import Path

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback

from foundation.training.curves import is_validated
from foundation.training.loss import summed


class MissedValidation(Callback):
    """Lightning takes a validation that was due at the step of the checkpoint for done; the curves know.

    Args:
        metrics: file of the curves, which the first rank reads.
        step: that the run goes on from; 0 for a new run.
        every: steps between validations.
    """

    def __init__(self, metrics: Path, step: int, every: int) -> None:
        self.metrics, self.step, self.every = metrics, step, every

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Validate, with all ranks, if a validation is due and has no row."""
        due = self.step > 0 and self.step % self.every == 0
        missed = due and trainer.is_global_zero and not is_validated(self.metrics, self.step)
        if summed(torch.tensor(float(missed), device=pl_module.device)):
            loop = trainer.fit_loop.epoch_loop.val_loop
            loop.restarting, trainer.validating = False, True
            loop.run()
            trainer.training = True
