"""FieldModule: one training step on windows of simulations; Lightning runs the rest."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from foundation.config import OptimConfig
from foundation.data.fields.batch import FieldBatch
from foundation.errors import FoundationError
from foundation.model.fields.network import FieldNetwork
from foundation.model.fields.transformer import FieldTransformer
from foundation.seeded import seeded
from foundation.training.base import TrainingModule
from foundation.training.curves import completes_step
from foundation.training.fields.flops import load_of
from foundation.training.fields.latent import LatentPrediction, LatentTerms
from foundation.training.fields.objective import FieldObjective, increment_loss
from foundation.training.loss import Tally, over_ranks, ranks
from foundation.training.optim import optimizer
from foundation.training.throughput import Work

Losses = dict[str, Tensor]  # by name, among them "loss"
PUSHED = 1  # what a seed is for, beside the number of the micro-batch


class FieldModule(TrainingModule):
    """A field model in training: mean absolute error of the normalised increment, or latent prediction.

    Walrus's objective (arXiv:2511.15684), without its factor of 100 and without the zero components of planar vectors.
    Logs train/loss, of latent prediction also its parts, and per validation validation/loss and
    validation/loss_<set>, means over windows.

    Args:
        model: the network over fields; for latent prediction a transformer.
        optim: optimiser and schedule.
        steps: optimiser steps of the whole run.
        sets: names of the data sets, for the curves.
        objective: what is asked of a window.
        seed: of jitter, token rolls, drop path and the predictor of tokens.
        record: plain values stored in every checkpoint under "foundation".

    Raises:
        FoundationError: latent prediction by a network without tokens.
    """

    model: FieldNetwork

    def __init__(
        self,
        model: FieldNetwork,
        optim: OptimConfig,
        steps: int,
        sets: tuple[str, ...],
        objective: FieldObjective = FieldObjective(),  # noqa: B008 - frozen
        seed: int = 0,
        record: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(model, optim, steps, record)
        self.sets, self.objective, self.seed = sets, objective, seed
        self.latent = _latent(model, objective, seed)
        self._checked: dict[str, list[Tensor]] = {}

    def training_step(self, batch: FieldBatch, batch_idx: int = 0) -> Float[Tensor, ""]:
        """The loss of a micro-batch; all of a step count alike, whatever set they are of."""
        parts = self._asked(batch, self._generator(batch.draw), self._is_pushed(batch.draw))
        told = torch.stack([value.double() for value in parts.values()])
        self.tell(Tally(told, torch.ones_like(told)))
        return parts["loss"] + self._nothing()

    def report(self, stage: str, whole: Tally) -> dict[str, Tensor]:
        """The loss, and of latent prediction its parts."""
        names = ("loss", *(f.name for f in fields(LatentTerms) if self.latent is not None))
        return {f"{stage}/{name}": mean.float() for name, mean in zip(names, whole.mean, strict=True)}

    def _asked(self, batch: FieldBatch, generator: torch.Generator | None = None, push: bool = False) -> Losses:
        """The loss of a micro-batch, and of latent prediction its parts."""
        if self.latent is None or not isinstance(self.model, FieldTransformer):
            return {"loss": increment_loss(self.model, batch, generator, push)}
        terms = self.latent(self.model, batch, generator)
        return {"loss": self.latent.loss(terms)} | {f.name: getattr(terms, f.name) for f in fields(terms)}

    def configure_optimizers(self) -> dict[str, Any]:
        """AdamW and its schedule, one rate a step; the predictor of tokens is trained beside the model."""
        beside = () if self.latent is None else (self.latent.predictor,)
        adam, schedule = optimizer(self.model, self.steps, self.optim, beside)
        return {"optimizer": adam, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def optimizer_step(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - Lightning's own
        """The step; an average of the model follows it."""
        super().optimizer_step(*args, **options)
        stepped = completes_step(self.trainer, self.trainer.fit_loop.batch_idx)  # DeepSpeed is called for each batch
        if stepped and self.latent is not None and isinstance(self.model, FieldTransformer):
            self.latent.follow(self.model)

    def _nothing(self) -> Float[Tensor, ""]:
        """A zero that depends on all weights outside blocks: all ranks then agree on what has a gradient.

        Planes and solids have encoders of their own. Weights that ZeRO 3 dealt out are left out, it does without.
        """
        inside = {id(p) for block in self.blocks() for p in block.parameters()}
        outside = [p for p in self.parameters() if id(p) not in inside and not hasattr(p, "ds_id")]
        return 0 * sum((p.flatten()[0] for p in outside), start=torch.zeros((), device=self.device))

    def adopt(self, model: nn.Module) -> None:
        """Train this model; latent prediction asks its tokens."""
        super().adopt(model)
        self.latent = _latent(self.model, self.objective, self.seed)

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
        self._checked[batch.dataset].append(self._asked(batch)["loss"].detach().double())

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
        load = load_of(self.model.config, batch, len(batch.values))
        return Work(load.tokens, len(batch.values), 3 * load.operations)


def _latent(model: FieldNetwork, objective: FieldObjective, seed: int) -> LatentPrediction | None:
    if objective.kind == "increments":
        return None
    if not isinstance(model, FieldTransformer):
        raise FoundationError(f"{type(model).__name__} has no tokens to predict. Train a transformer, or increments.")
    with seeded(seed):
        return LatentPrediction(model, objective.latent)
