"""SpectraModule: one training step on questions about spectra; Lightning runs the rest."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from foundation.config import OptimConfig
from foundation.model.spectra.loss import FLOOR, Misfit, misfit
from foundation.model.spectra.transformer import SpectralTransformer
from foundation.training.base import TrainingModule
from foundation.training.loss import Tally, over_ranks
from foundation.training.spectra.alignment import misalignment
from foundation.training.spectra.data import QuestionBatch
from foundation.training.spectra.flops import forward_flops
from foundation.training.throughput import Work


class SpectraModule(TrainingModule):
    """A model of spectra in training: chi-squared per asked pixel, weighted by the objective.

    Logs train/loss, and per validation validation/loss over all ranks' pixels.

    Args:
        model: the network.
        optim: optimiser and schedule.
        steps: optimiser steps of the whole run.
        floor: error added to the noise, as a fraction of the flux.
        record: plain values stored in every checkpoint under "foundation".
        tail: errors beyond this many sigmas do not count by their square.
        align: weight of `misalignment`, in nats, beside chi-squared.
    """

    model: SpectralTransformer

    def __init__(
        self,
        model: SpectralTransformer,
        optim: OptimConfig,
        steps: int,
        floor: float = FLOOR,
        record: Mapping[str, Any] | None = None,
        tail: float = math.inf,
        align: float = 0.0,
    ) -> None:
        super().__init__(model, optim, steps, record)
        self.floor, self.tail, self.align = floor, tail, align
        self._checked: list[Misfit] = []

    def training_step(self, batch: QuestionBatch, batch_idx: int = 0) -> Float[Tensor, ""]:
        """The loss of a micro-batch."""
        found = self._asked(batch)
        apart = self.align * misalignment(self.model, batch.read, batch.asked) if self.align else 0.0
        return self.part(found.mean + apart, found.weight)

    def targets(self, batch: QuestionBatch) -> Float[Tensor, "S"]:
        """The weight of the asked pixels."""
        return (batch.asked.valid.double() * batch.weight[:, None]).sum()[None]

    def on_validation_epoch_start(self) -> None:
        """Forget the last validation."""
        self._checked = []

    def validation_step(self, batch: QuestionBatch, batch_idx: int = 0) -> None:
        """Note the misfit of a micro-batch."""
        self._checked.append(self._asked(batch))

    def on_validation_epoch_end(self) -> None:
        """Log the mean over all ranks' pixels."""
        chi2, weight = (torch.stack([getattr(m, n).double() for m in self._checked]).sum() for n in ("chi2", "weight"))
        self.note({"validation/loss": over_ranks(Tally(chi2[None], weight[None])).mean[0].float()})

    def work(self, batch: QuestionBatch) -> Work:
        """Patches read and asked, spectra, and useful operations."""
        patches = len(batch.read.value) + len(batch.asked.value)
        spectra = len(batch.read.offsets) - 1
        return Work(patches, spectra, 3 * forward_flops(self.model.config, batch.read, batch.asked))

    def _asked(self, batch: QuestionBatch) -> Misfit:
        return misfit(self.model(batch.read, batch.asked), batch.asked, batch.weight, self.floor, self.tail)
