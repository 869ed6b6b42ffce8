"""TrainingModule: what every training step has around its loss: optimiser, schedule, rows of metrics, the record."""

from abc import ABC
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foundation.config import OptimConfig
from foundation.training.blocks import blocks, recompute
from foundation.training.curves import completes_step
from foundation.training.loss import Tally, over_ranks, ranks, summed
from foundation.training.optim import optimizer
from foundation.training.throughput import Measured


@dataclass
class Making:
    """How the model of a module is made ready, once processes know each other.

    Args:
        build: makes the model anew where its weights are dealt out as they are made; None = it is there.
        recompute: keep the inputs of blocks alone for the backward pass.
        compile: compile the blocks.
    """

    build: Callable[[], nn.Module] | None = None
    recompute: bool = False
    compile: bool = False


class TrainingModule(Measured, ABC):
    """A model in training. Logs train/learning_rate.

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
        self.making = Making()
        self.wanted = torch.ones(1)
        self._tally: Tally | None = None

    def configure_model(self) -> None:
        """Build the model if it was only sketched, and change its blocks as asked; may be called again."""
        making, self.making = self.making, Making()
        if making.build is not None:
            self.adopt(making.build())
        for block in self.blocks():
            if making.recompute:
                recompute(block)
            if making.compile:
                block.compile(dynamic=True)

    def adopt(self, model: nn.Module) -> None:
        """Train this model, of the same kind, instead of the one that was given."""
        self.model = model

    def blocks(self) -> Iterator[nn.Module]:
        """The blocks of the model, each of which is only ever called as a whole."""
        return blocks(self.model)

    def targets(self, batch: Any) -> Float[Tensor, "S"]:  # noqa: ANN401 - each module has its own kind of batch
        """What a micro-batch weighs in its step, by kind of target; here micro-batches count alike."""
        return torch.ones(1, dtype=torch.float64)

    def expect(self, step: Sequence[Any]) -> None:
        """Count what the micro-batches of a step are asked, those of this rank and of all others."""
        own = torch.stack([self.targets(batch) for batch in step]).sum(0)
        self.wanted, self._tally = summed(own.to(self.device)), None

    @property
    def micro_batches(self) -> int:
        """Of a step, over all ranks: what the mean that training takes over gradients divides by."""
        return ranks() * self.trainer.accumulate_grad_batches

    def part(self, mean: Float[Tensor, ""], targets: Float[Tensor, ""]) -> Float[Tensor, ""]:
        """The loss of a micro-batch with this mean over its targets, as its part in the mean over those of the step."""
        self.tell(Tally((mean.detach() * targets).double()[None], targets.double()[None]))
        return self.micro_batches * mean * (targets / self.wanted[0].clamp(min=1e-12)).to(mean.dtype)

    def tell(self, local: Tally) -> None:
        """Add up the losses of a step, and log them over all ranks with the last micro-batch of a step that is logged.

        Told is a mean over all targets of the step, never a mean of means.
        """
        self._tally = local.detached() if self._tally is None else self._tally + local.detached()
        if completes_step(self.trainer, self.trainer.fit_loop.batch_idx) and self.is_logged():
            self.note(self.report("train", over_ranks(self._tally)))

    def report(self, stage: str, whole: Tally) -> dict[str, Tensor]:
        """What is logged of the losses of a step, or of a validation."""
        return {f"{stage}/loss": whole.mean[0].float()}

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
        """Log the learning rate of the step."""
        if self.is_logged():
            self.note({"train/learning_rate": torch.tensor(optimizer.param_groups[0]["lr"])})

    def configure_optimizers(self) -> dict[str, Any]:
        """AdamW and its schedule, one rate a step."""
        adam, schedule = optimizer(self.model, self.steps, self.optim)
        return {"optimizer": adam, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store the record beside the weights."""
        checkpoint["foundation"] = self.record
