"""Guard: a step whose gradient is not finite is left out, and too many in a row end the run."""

import math
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer

from foundation.errors import FoundationError
from foundation.training.base import TrainingModule
from foundation.training.curves import completes_step


class Guard(Callback):
    """Logs train/gradient_norm before clipping and train/skipped, the steps left out so far.

    All ranks see the same norm, so they leave out the same steps. Weights and optimiser stay as they were; the data
    and the learning rate go on.

    Args:
        patience: steps left out in a row that end the run.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.norm, self.skipped, self.in_a_row = 0.0, 0, 0

    def state_dict(self) -> dict[str, Any]:
        """How many were left out."""
        return {"skipped": self.skipped}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting."""
        self.skipped = state_dict["skipped"]

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        """Without gradients an optimiser changes nothing. DeepSpeed looks by itself, later."""
        if hasattr(type(trainer.strategy), "gradient_norm"):
            return
        norm = torch.nn.utils.get_total_norm([p.grad for p in pl_module.parameters() if p.grad is not None])
        self.norm = float(norm.full_tensor() if isinstance(norm, DTensor) else norm)
        if not math.isfinite(self.norm):
            optimizer.zero_grad()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: TrainingModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Count, after the last micro-batch of a step.

        Raises:
            FoundationError: too many steps in a row were left out.
        """
        if not completes_step(trainer, batch_idx):
            return
        self.norm = getattr(trainer.strategy, "gradient_norm", self.norm)
        self.in_a_row = 0 if math.isfinite(self.norm) else self.in_a_row + 1
        self.skipped += self.in_a_row > 0
        if trainer.global_step % trainer.log_every_n_steps == 0:  # pyright: ignore[reportAttributeAccessIssue]
            pl_module.note(
                {"train/gradient_norm": torch.tensor(self.norm), "train/skipped": torch.tensor(float(self.skipped))}
            )
        if self.in_a_row >= self.patience:
            raise FoundationError(
                f"The gradient was not finite in {self.in_a_row} steps in a row, the last of them step "
                f"{trainer.global_step}. Use a smaller `--optim.peak_rate`, and go on from an earlier checkpoint."
            )
