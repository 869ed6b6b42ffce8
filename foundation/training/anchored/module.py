"""AnchoredModule: one training step on complexes, or on proteins with hidden residues; Lightning runs the rest."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from foundation.config import OptimConfig
from foundation.data.biology.frames import AMINO_ACIDS
from foundation.model.anchored.batch import AnchoredBatch
from foundation.model.anchored.loss import anchored_loss, averaged_over
from foundation.model.anchored.transformer import AnchoredTransformer
from foundation.training.anchored.config import AnchoredObjective
from foundation.training.anchored.examples import RecoveryBatch
from foundation.training.anchored.flops import forward_flops
from foundation.training.base import TrainingModule
from foundation.training.loss import Tally, over_ranks
from foundation.training.optim import optimizer
from foundation.training.throughput import Work

READS_PROTEINS = ("residues.", "residue_norm.", "protein_blocks.")  # what "residues" trains


class AnchoredModule(TrainingModule):
    """An anchored model in training.

    Logs train/loss and per validation validation/loss, in nats a symbol or a residue; of "residues" also
    validation/recovery, the fraction of hidden residues that is told.

    Args:
        model: the transformer. "residues" trains the part that reads proteins and leaves the rest as it is.
        optim: optimiser and schedule.
        steps: optimiser steps of the whole run.
        objective: what is asked.
        record: plain values stored in every checkpoint under "foundation".
    """

    model: AnchoredTransformer

    def __init__(
        self,
        model: AnchoredTransformer,
        optim: OptimConfig,
        steps: int,
        objective: AnchoredObjective = AnchoredObjective(),  # noqa: B008 - frozen
        record: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(model, optim, steps, record)
        self.objective = objective
        self.kinds = nn.Linear(model.config.width, len(AMINO_ACIDS)) if objective.kind == "residues" else None
        self.adopt(model)
        self._checked: list[Tensor] = []  # [weight, weight * loss, weight * recovery] of each validation batch

    def adopt(self, model: nn.Module) -> None:
        """Train this model, or of it what reads proteins."""
        super().adopt(model)
        if self.kinds is not None:
            for name, parameter in model.named_parameters():
                parameter.requires_grad_(name.startswith(READS_PROTEINS))

    def blocks(self) -> Iterator[nn.Module]:
        """Those that read proteins; of the others, growing asks for parts."""
        yield from self.model.protein_blocks

    def training_step(self, batch: AnchoredBatch | RecoveryBatch, batch_idx: int = 0) -> Float[Tensor, ""]:
        """The loss of a micro-batch."""
        loss, _ = self._asked(batch)
        return self.part(loss, self.targets(batch)[0])

    def targets(self, batch: AnchoredBatch | RecoveryBatch) -> Float[Tensor, "S"]:
        """Sequences, symbols or hidden residues, whichever the loss is a mean of."""
        if isinstance(batch, RecoveryBatch):
            return (batch.kind >= 0).sum().double()[None]
        return averaged_over(batch, self.objective.average).double()[None]

    def configure_optimizers(self) -> dict[str, Any]:
        """AdamW and its schedule, one rate a step; the head that tells residues is trained beside the model."""
        beside = () if self.kinds is None else (self.kinds,)
        adam, schedule = optimizer(self.model, self.steps, self.optim, beside)
        return {"optimizer": adam, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_validation_epoch_start(self) -> None:
        """Forget the last validation."""
        self._checked = []

    def validation_step(self, batch: AnchoredBatch | RecoveryBatch, batch_idx: int = 0) -> None:
        """Note the loss of a micro-batch, by its number of samples."""
        loss, recovery = self._asked(batch)
        weight = float(_proteins(batch).samples or len(_proteins(batch).residue_offsets) - 1)
        self._checked.append(weight * torch.stack([torch.ones_like(loss), loss, recovery]).detach().double())

    def on_validation_epoch_end(self) -> None:
        """Log the means over all ranks' samples."""
        weight, *sums = torch.stack(self._checked).sum(0)
        mean = over_ranks(Tally(torch.stack(sums), weight.expand(len(sums)).clone())).mean.float()
        self.note({"validation/loss": mean[0]})
        if self.kinds is not None:
            self.note({"validation/recovery": mean[1]})

    def work(self, batch: AnchoredBatch | RecoveryBatch) -> Work:
        """Rows and residues, samples or proteins, and useful operations."""
        inside = _proteins(batch)
        samples = inside.samples or len(inside.residue_offsets) - 1
        return Work(len(inside.ids) + len(inside.residues), samples, 3 * forward_flops(self.model.config, inside))

    def _asked(self, batch: AnchoredBatch | RecoveryBatch) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """The loss, and the fraction of hidden residues that is told; 0 where none is asked."""
        if isinstance(batch, AnchoredBatch):
            loss = anchored_loss(self.model(batch), batch, self.objective.average)
            return loss, torch.zeros_like(loss)
        if self.kinds is None:
            raise TypeError("a batch of hidden residues, and nothing that tells them")
        asked = torch.nonzero(batch.kind >= 0).flatten()
        logits = self.kinds(self.model.encode_protein(batch.proteins)[asked]).float()
        wanted = batch.kind[asked]
        return nn.functional.cross_entropy(logits, wanted), (logits.argmax(-1) == wanted).float().mean()


def _proteins(batch: AnchoredBatch | RecoveryBatch) -> AnchoredBatch:
    return batch if isinstance(batch, AnchoredBatch) else batch.proteins
