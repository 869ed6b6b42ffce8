"""PretrainingModule: what one training step is; Lightning runs the rest."""

from collections.abc import Mapping
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor

from foundation.batch import TokenBatch
from foundation.config import OptimConfig
from foundation.model.over_tokens import OverTokens
from foundation.model.transformer import FoundationTransformer
from foundation.training.base import TrainingModule
from foundation.training.flops import training_flops
from foundation.training.loss import Tally, balanced, over_ranks, space_weights, tally, target_counts
from foundation.training.throughput import Work


class PretrainingModule(TrainingModule):
    """Masked modelling of one transformer on token batches.

    Logs per step train/loss, train/loss_<space>, train/targets, and per
    validation validation/loss and validation/loss_<space>: means over the targets of all ranks, in nats per target.

    Args:
        model: the transformer, with its spaces.
        optim: optimiser, schedule and balance of the loss.
        steps: optimiser steps of the whole run, which the schedule needs.
        record: plain values stored in every checkpoint under "foundation", such as the resolved config; its
            "code_weights" are weights of the codes of some spaces in the loss of training.

    Raises:
        FoundationError: `optim` weighs a space the model does not have.
    """

    model: OverTokens
    weight: Tensor

    def __init__(
        self, model: OverTokens, optim: OptimConfig, steps: int, record: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(model, optim, steps, record)
        self.register_buffer("weight", space_weights(model.spaces, optim.space_weight), persistent=False)
        self.code_weights = {name: torch.tensor(w) for name, w in self.record.get("code_weights", {}).items()}
        self._validation: Tally | None = None

    def training_step(self, batch: TokenBatch, batch_idx: int = 0) -> Float[Tensor, ""]:
        """The loss of this rank's micro-batch, scaled so that the mean over all of them is that of the step."""
        states = self.states(batch, batch_idx)
        local = tally(self.model.heads, states, batch, self.code_weights)
        self.tell(local)
        loss = balanced(local.sums, self.wanted, self.weight, self.optim.balance)
        return self.micro_batches * loss + self._nothing(states)

    def states(self, batch: TokenBatch, batch_idx: int) -> Float[Tensor, "E width"]:
        """Of a training step."""
        return self.model(batch)

    def targets(self, batch: TokenBatch) -> Float[Tensor, "S"]:
        """Targets by space."""
        return target_counts(batch, self.model.spaces)

    def _nothing(self, states: Float[Tensor, "E width"]) -> Float[Tensor, ""]:
        """A zero that depends on every head: ranks whose batches lack a space then agree on what has a gradient."""
        unasked = [self.model.heads.outputs(s.name, states[:0]).sum() for s in self.model.spaces]
        return 0 * states.sum() + torch.stack(unasked).sum()

    def on_validation_epoch_start(self) -> None:
        """Forget the last validation."""
        self._validation = None

    def validation_step(self, batch: TokenBatch, batch_idx: int = 0) -> None:
        """Add up the losses of this rank."""
        local = tally(self.model.heads, self.model(batch), batch)
        self._validation = local if self._validation is None else self._validation + local

    def on_validation_epoch_end(self) -> None:
        """Log the means over the whole validation set."""
        if self._validation is not None:
            self.note(self.report("validation", over_ranks(self._validation)))

    def report(self, stage: str, whole: Tally) -> dict[str, Tensor]:
        """Losses by space, and their balance."""
        names = [s.name for s in self.model.spaces]
        present = [i for i, n in enumerate(whole.counts.tolist()) if n > 0]
        report = {f"{stage}/loss_{names[i]}": whole.mean[i] for i in present}
        report[f"{stage}/loss"] = balanced(whole.sums, whole.counts, self.weight, self.optim.balance)
        return report | {f"{stage}/targets": whole.counts.sum()}

    def work(self, batch: TokenBatch) -> Work:
        """Elements and documents of the batch, and its useful operations."""
        flops = training_flops(cast(FoundationTransformer, self.model), batch)  # modules of other models count theirs
        return Work(len(batch), batch.documents, flops)
