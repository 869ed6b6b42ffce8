"""TrainingModule: what every training step has around its loss: optimiser, schedule, rows of metrics, the record."""

from abc import ABC
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from foundation.config import OptimConfig
from foundation.training.optim import optimizer
from foundation.training.throughput import Measured


class TrainingModule(Measured, ABC):
    """A model in training.

    Logs train/learning_rate and, before it is clipped, train/gradient_norm.

    Args:
        model: what is trained.
        optim: optimiser and schedule.
        steps: optimiser steps of the whole run, which the schedule needs.
        record: plain values stored in every checkpoint under "foundation", such as the resolved config.
    """

    def __init__(
        self, model: nn.Module, optim: OptimConfig, steps: int, record: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__()
        self.model = model
        self.optim = optim
        self.steps = steps
        self.record = dict(record or {})

    def is_logged(self) -> bool:
        """Whether this step gets a row; reading metrics makes a GPU wait, so they are made for such steps only."""
        step = self.trainer.global_step + 1  # after this one
        every = self.trainer.log_every_n_steps  # pyright: ignore[reportAttributeAccessIssue]
        return step % every == 0 or "train/loss" not in self.trainer.callback_metrics

    def note(self, metrics: Mapping[str, Tensor]) -> None:
        """Log metrics as they are, nothing is reduced over ranks here; curves.py hands them to the loggers."""
        for name, value in metrics.items():
            self.log(name, value, prog_bar=name == "train/loss", logger=False, batch_size=1)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Log the learning rate, and the gradient norm before it is clipped."""
        if self.is_logged():
            norm = torch.nn.utils.get_total_norm([p.grad for p in self.parameters() if p.grad is not None])
            rate = torch.tensor(optimizer.param_groups[0]["lr"])
            self.note({"train/gradient_norm": norm, "train/learning_rate": rate})

    def configure_optimizers(self) -> dict[str, Any]:
        """AdamW and its schedule, one rate a step."""
        adam, schedule = optimizer(self.model, self.steps, self.optim)
        return {"optimizer": adam, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store the record beside the weights."""
        checkpoint["foundation"] = self.record
