"""SpectraModule: one training step on questions about spectra; Lightning runs the rest."""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from foundation.config import OptimConfig
from foundation.model.spectra.loss import Misfit, misfits
from foundation.model.spectra.pool import mean_state
from foundation.model.spectra.transformer import SpectralTransformer
from foundation.training.base import TrainingModule
from foundation.training.loss import Tally, over_ranks
from foundation.training.spectra.alignment import misalignment
from foundation.training.spectra.config import SpectraObjective
from foundation.training.spectra.data import QuestionBatch
from foundation.training.spectra.flops import forward_flops
from foundation.training.throughput import Work


class SpectraModule(TrainingModule):
    """A model of spectra in training: chi-squared per asked pixel, weighted as the objective says.

    Logs train/loss, and per validation validation/loss over all ranks' pixels.

    Args:
        model: the network.
        optim: optimiser and schedule.
        steps: optimiser steps of the whole run.
        objective: how misfits count, and what else is wanted of embeddings.
        record: plain values stored in every checkpoint under "foundation".
    """

    model: SpectralTransformer

    def __init__(
        self,
        model: SpectralTransformer,
        optim: OptimConfig,
        steps: int,
        objective: SpectraObjective = SpectraObjective(),  # noqa: B008 - frozen
        record: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(model, optim, steps, record)
        self.objective = objective
        self._checked: list[Misfit] = []

    def training_step(self, batch: QuestionBatch, batch_idx: int = 0) -> Float[Tensor, ""]:
        """The loss of a micro-batch."""
        wanted, states = self.objective, self.model.encode(batch.read)
        found = self._counted(self._misfits(states, batch))
        loss = found.mean
        if wanted.align:
            seen = mean_state(states, batch.read), mean_state(self.model.encode(batch.asked), batch.asked)
            loss = loss + wanted.align * misalignment(*seen, batch.owner)
        return self.part(loss, found.weight)

    def targets(self, batch: QuestionBatch) -> Float[Tensor, "S"]:
        """The weight of the asked pixels, or the number of the asked spectra."""
        weight = (batch.asked.valid.double() * batch.weight[:, None]).sum(1)
        of_spectra = torch.segment_reduce(weight, "sum", offsets=batch.asked.offsets)
        return self._counted(Misfit(torch.zeros_like(of_spectra), of_spectra)).weight[None]

    def on_validation_epoch_start(self) -> None:
        """Forget the last validation."""
        self._checked = []

    def validation_step(self, batch: QuestionBatch, batch_idx: int = 0) -> None:
        """Note the misfit of a micro-batch."""
        self._checked.append(self._misfits(self.model.encode(batch.read), batch).whole)

    def on_validation_epoch_end(self) -> None:
        """Log the mean over all ranks' pixels."""
        chi2, weight = (torch.stack([getattr(m, n).double() for m in self._checked]).sum() for n in ("chi2", "weight"))
        self.note({"validation/loss": over_ranks(Tally(chi2[None], weight[None])).mean[0].float()})

    def work(self, batch: QuestionBatch) -> Work:
        """Patches read and asked, spectra, and useful operations."""
        patches = len(batch.read.value) + len(batch.asked.value)
        spectra = len(batch.read.offsets) - 1
        return Work(patches, spectra, 3 * forward_flops(self.model.config, batch.read, batch.asked))

    def _misfits(self, states: Float[Tensor, "T width"], batch: QuestionBatch) -> Misfit:
        value, wanted = self.model.answer(states, batch.read, batch.asked), self.objective
        return misfits(value, batch.asked, batch.weight, wanted.floor, wanted.tail)

    def _counted(self, found: Misfit) -> Misfit:
        return found.alike if self.objective.per == "spectrum" else found.whole
