"""RankedData: a Lightning data module that knows which rank it reads for, and tells the model what a step asks."""

from typing import Any

from lightning import LightningDataModule

from foundation.data.steps import Batch, InSteps, Micro, Resumable


class RankedData(LightningDataModule):
    """Base of data modules whose streams deal samples to ranks themselves."""

    @property
    def place(self) -> tuple[int, int]:
        """This rank and the number of all; (0, 1) without a trainer."""
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def in_steps(self, loader: Resumable[Batch]) -> InSteps[Batch]:
        """The loader's micro-batches by step of the trainer."""
        return InSteps(loader, self.trainer.accumulate_grad_batches if self.trainer else 1)

    def on_before_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:  # noqa: ANN401 - each has its own kind
        """Take a micro-batch from its step; the module is told of a step before its first one."""
        if not isinstance(batch, Micro):
            return batch
        if batch.step and self.trainer:
            self.trainer.lightning_module.expect(batch.step)  # pyright: ignore[reportCallIssue] - a TrainingModule
        return batch.batch
