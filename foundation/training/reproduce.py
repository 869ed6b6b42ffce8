"""A failed step done again from its dump, on one process: the loss, and where the first number was not finite."""

from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn

from foundation.data.ranked import RankedData
from foundation.data.steps import InSteps
from foundation.training.base import TrainingModule
from foundation.training.dump import read_dump
from foundation.training.quiet import quiet
from foundation.training.run import EXPECTED

REVIVERS = {  # what a checkpoint calls the system it belongs to -> what makes its module again
    "tokens": "foundation.training.export:revived",
    "tracks": "foundation.training.tracks.export:revived",
    "fields": "foundation.training.fields.export:revived",
    "spectra": "foundation.training.spectra.export:revived",
    "anchored": "foundation.training.anchored.export:revived",
}


def reproduce(directory: Path) -> Iterator[str]:
    """Lines that say what happens in the step that was dumped.

    Raises:
        FoundationError: no dump there.
    """
    content, batches = read_dump(directory)
    record = content["foundation"]
    module, _, function = REVIVERS[record.get("system", "tokens")].partition(":")
    revived = getattr(import_module(module), function)(record)
    revived.load_state_dict(content["state_dict"])
    watch = Watch()
    with quiet(EXPECTED):
        _once(record["config"]["trainer"]["precision"], len(batches), watch).fit(revived, Dumped(batches))
    yield f"step {content['global_step']} of {record['system']}: {len(batches)} micro-batches, loss {watch.loss:g}"
    yield f"first output that is not finite: {watch.first or 'none'}"
    yield f"gradients that are not finite: {', '.join(watch.gradients) or 'none'}"


def _once(precision: Any, accumulate: int, watch: Callback) -> pl.Trainer:  # noqa: ANN401 - one of Lightning's words
    return pl.Trainer(
        max_steps=1, accumulate_grad_batches=accumulate, precision=precision, accelerator="cpu", devices=1,
        callbacks=[watch], logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, log_every_n_steps=1, limit_val_batches=0,
    )  # fmt: skip


class Dumped(RankedData):
    """All ranks' micro-batches of one step."""

    def __init__(self, batches: Sequence[Any]) -> None:
        super().__init__()
        self.batches = batches

    def train_dataloader(self) -> InSteps[Any]:
        """That step."""
        return InSteps(_Listed(self.batches), len(self.batches))

    def val_dataloader(self) -> list[Any]:
        """Nothing is held out."""
        return []


class _Listed(list[Any]):
    """Micro-batches without a position."""

    place = None

    def samples_at(self, place: object) -> list[str]:
        return []

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: object) -> None:
        """There is none."""


class Watch(Callback):
    """Notes the first module whose output is not finite, the weights whose gradient is not, and the loss."""

    def __init__(self) -> None:
        self.first, self.gradients, self.loss = "", list[str](), float("nan")

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Listen to every module."""
        for name, part in pl_module.named_modules():
            part.register_forward_hook(lambda _, __, output, name=name: self._see(name, output))

    def _see(self, name: str, output: object) -> None:
        if not self.first and isinstance(output, Tensor) and not output.isfinite().all():
            self.first = name

    def on_before_optimizer_step(self, trainer: pl.Trainer, pl_module: nn.Module, optimizer: object) -> None:
        """Look at the gradients."""
        found = [(n, p.grad) for n, p in pl_module.named_parameters() if p.grad is not None]
        self.gradients = [name for name, gradient in found if not gradient.isfinite().all()]

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: TrainingModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Keep the loss of the step."""
        self.loss = float(trainer.callback_metrics.get("train/loss", torch.tensor(float("nan"))))
