"""FieldModule: one training step on windows of simulations; Lightning runs the rest."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from foundation.config import OptimConfig
from foundation.data.fields.batch import FieldBatch
from foundation.model.fields.boundary import grid_of
from foundation.model.fields.transformer import FieldTransformer
from foundation.training.base import TrainingModule
from foundation.training.fields.flops import forward_flops
from foundation.training.fields.objective import FieldObjective, increment_loss
from foundation.training.loss import Tally, over_ranks, ranks
from foundation.training.throughput import Work

PUSHED = 1  # what a seed is for, beside the number of the micro-batch


class FieldModule(TrainingModule):
    """A field model in training: mean absolute error of the normalised increment.

    Walrus's objective (arXiv:2511.15684), without its factor of 100 and without the zero components of planar vectors.
    Logs train/loss, and per validation validation/loss and validation/loss_<set>, means over windows.

    Args:
        model: the transformer over fields.
        optim: optimiser and schedule.
        steps: optimiser steps of the whole run.
        sets: names of the data sets, for the curves.
        objective: what is asked of a window.
        seed: of jitter, token rolls and drop path.
        record: plain values stored in every checkpoint under "foundation".
    """

    model: FieldTransformer

    def __init__(
        self,
        model: FieldTransformer,
        optim: OptimConfig,
        steps: int,
        sets: tuple[str, ...],
        objective: FieldObjective = FieldObjective(),  # noqa: B008 - frozen
        seed: int = 0,
        record: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(model, optim, steps, record)
        self.sets, self.objective, self.seed = sets, objective, seed
        self._checked: dict[str, list[Tensor]] = {}

    def training_step(self, batch: FieldBatch, batch_idx: int = 0) -> Float[Tensor, ""]:
        """The loss of a micro-batch; every rank has as many windows of its set as it has."""
        loss = increment_loss(self.model, batch, self._generator(batch.draw), self._is_pushed(batch.draw))
        if self.is_logged():
            self.note({"train/loss": loss.detach()})
        return loss + self._nothing()

    def _nothing(self) -> Float[Tensor, ""]:
        """A zero that depends on all weights: ranks with planes and with solids then agree on what has a gradient."""
        return 0 * torch.stack([p.flatten()[0] for p in self.parameters()]).sum()

    def _is_pushed(self, draw: int) -> bool:
        """The same on all ranks: where weights are sharded, they must be gathered equally often."""
        return bool(np.random.default_rng((self.seed, PUSHED, draw // ranks())).random() < self.objective.push)

    def _generator(self, draw: int) -> torch.Generator:
        """Randomness of one micro-batch, the same whenever it is computed again."""
        seed = np.random.SeedSequence((self.seed, draw)).generate_state(1, np.uint64)[0]
        return torch.Generator().manual_seed(int(seed))

    def on_validation_epoch_start(self) -> None:
        """Forget the last validation."""
        self._checked = defaultdict(list)

    def validation_step(self, batch: FieldBatch, batch_idx: int = 0) -> None:
        """Note the loss of a window, without jitter."""
        self._checked[batch.dataset].append(increment_loss(self.model, batch).detach().double())

    def on_validation_epoch_end(self) -> None:
        """Log the means over all ranks' windows."""
        sums = [torch.stack(self._checked[s]).sum() if s in self._checked else self._zero() for s in self.sets]
        counts = torch.tensor([float(len(self._checked.get(s, ()))) for s in self.sets], dtype=torch.float64)
        whole = over_ranks(Tally(torch.stack(sums), counts.to(self.device)))
        present = [i for i, count in enumerate(whole.counts.tolist()) if count]
        self.note({f"validation/loss_{self.sets[i]}": whole.mean[i].float() for i in present})
        self.note({"validation/loss": (whole.sums.sum() / whole.counts.sum()).float()})

    def _zero(self) -> Tensor:
        return torch.zeros((), dtype=torch.float64, device=self.device)

    def work(self, batch: FieldBatch) -> Work:
        """Tokens and windows of the batch, and its useful operations."""
        windows, frames, channels = len(batch.values), batch.values.shape[1] - 1, len(batch.names)
        grid = grid_of(batch.values.shape[3:], batch.boundary.cpu(), self.model.config)
        tokens = windows * frames * int(np.prod([axis.tokens for axis in grid]))
        return Work(tokens, windows, 3 * forward_flops(self.model.config, grid, windows, frames, channels))
