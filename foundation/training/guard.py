"""Guard: a step whose gradient is not finite is left out, and too many in a row end the run."""

import math
import sys
from collections import deque
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer

from foundation.errors import FoundationError
from foundation.training.base import TrainingModule
from foundation.training.curves import completes_step
from foundation.training.dump import write_dump

SHOWN = 20  # keys in a line
REMEMBERED, ENOUGH = 100, 20  # losses that a spike is compared with, and how many it takes


class Guard(Callback):
    """Logs train/gradient_norm before clipping and train/skipped, the steps left out so far.

    All ranks see the same norm, so they leave out the same steps. Weights and optimiser stay as they were; the data
    and the learning rate go on. Of a step left out, and of one whose loss is far above those before it, every rank
    says which samples it had.

    Args:
        patience: steps left out in a row that end the run, with a dump of the last of them.
        spike: deviations above the mean of the logged losses before it at which a loss is told of; 0 = never.
    """

    def __init__(self, patience: int, spike: float = 0.0) -> None:
        self.patience, self.spike = patience, spike
        self.norm, self.skipped, self.in_a_row = 0.0, 0, 0
        self._losses: deque[float] = deque(maxlen=REMEMBERED)

    def state_dict(self) -> dict[str, Any]:
        """How many were left out, and the last losses."""
        return {"skipped": self.skipped, "losses": list(self._losses)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting."""
        self.skipped = state_dict["skipped"]
        self._losses.extend(state_dict["losses"])

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
        is_whole = math.isfinite(self.norm)
        self.in_a_row = 0 if is_whole else self.in_a_row + 1
        self.skipped += not is_whole
        if not is_whole:
            _tell(trainer, "left out, as its gradient is not finite")
        if trainer.global_step % trainer.log_every_n_steps == 0:  # pyright: ignore[reportAttributeAccessIssue]
            self._log(trainer, pl_module)
        if self.in_a_row >= self.patience:
            self._stop(trainer)

    def _log(self, trainer: pl.Trainer, module: TrainingModule) -> None:
        module.note(
            {"train/gradient_norm": torch.tensor(self.norm), "train/skipped": torch.tensor(float(self.skipped))}
        )
        loss, before = float(trainer.callback_metrics["train/loss"]), self._losses
        if self.spike and len(before) >= ENOUGH and loss > fmean(before) + self.spike * stdev(before):
            _tell(trainer, f"has a loss of {loss:.4g} after {fmean(before):.4g} on average")
        elif math.isfinite(loss):
            before.append(loss)

    def _stop(self, trainer: pl.Trainer) -> None:
        out = Path(trainer.default_root_dir) / "dump" / f"step={trainer.global_step}"
        write_dump(out, trainer, trainer.train_dataloader.current)  # pyright: ignore[reportOptionalMemberAccess]
        raise FoundationError(
            f"The gradient was not finite in {self.in_a_row} steps in a row. `foundation inspect {out}` does the last "
            "of them again and says where it began. Use a smaller `--optim.peak_rate`, and go on from an earlier "
            "checkpoint."
        )


def _tell(trainer: pl.Trainer, what: str) -> None:
    """Say on every rank what is wrong with this step, and which samples it had."""
    keys = trainer.train_dataloader.samples()  # pyright: ignore[reportOptionalMemberAccess]
    some = ", ".join(keys[:SHOWN]) + (f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else "")
    print(f"step {trainer.global_step}, rank {trainer.global_rank}: {what}; samples {some}", file=sys.stderr)
