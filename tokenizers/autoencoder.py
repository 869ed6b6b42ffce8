"""Autoencoder: trains an image or spectrum tokenizer to reconstruct what was measured, weighted by its noise."""

from dataclasses import dataclass
from typing import Any, Literal

import lightning.pytorch as pl
import torch
from jaxtyping import Float
from torch import Tensor

from foundation.config import OptimConfig
from foundation.errors import FoundationError
from foundation.tokenizers.learned import LearnedTokenizer, Prepared, Reconstruction
from foundation.tokenizers.quantizer import CodeUse
from foundation.training.optim import optimizer


@dataclass(frozen=True)
class CodecTraining:
    """How long and how fast; the defaults are AION-1's for spectra.

    Args:
        steps: optimiser steps.
        batch: records in a step.
        peak_rate: learning rate after the warm-up, from which it falls along half a cosine.
        weight_decay: of AdamW.
        warmup_fraction: of the steps, in which the rate rises.
        clip_norm: largest norm of the gradient.
        precision: "32-true", or "bf16-mixed".
        window: records that are prepared and kept in memory at once, as float16; a data set that fits is read once.
        held_out: records that are not trained on but measured at the end.
        log_every: steps between rows of metrics.csv.
        seed: of the initial weights and of the order of the records.
    """

    steps: int = 215_000
    batch: int = 128
    peak_rate: float = 1e-4
    weight_decay: float = 0.1
    warmup_fraction: float = 0.005
    clip_norm: float = 1.0
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    window: int = 16384
    held_out: int = 256
    log_every: int = 50
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.held_out, self.log_every) < 1 or self.window < self.batch:
            raise FoundationError(
                f"training: steps {self.steps}, batch {self.batch}, window {self.window}, held_out {self.held_out}, "
                f"log_every {self.log_every}. Give positive numbers, and a window of at least one batch."
            )


class Autoencoder(pl.LightningModule):
    """Half the chi-square per pixel plus the quantiser's penalty; the likelihood of Gaussian noise.

    Logs every `log_every` steps: loss, chi2 per pixel, utilisation and perplexity of the codes since the last row.
    """

    def __init__(self, tokenizer: LearnedTokenizer, config: CodecTraining) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.config = config
        self._counts = torch.zeros(tokenizer.space.size, dtype=torch.long)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Float[Tensor, ""]:
        """The loss of a batch of prepared records."""
        out = self.tokenizer.reconstruct(single_precision(batch))
        chi2 = out.chi2
        loss = chi2 / 2 + out.penalty
        self._count(out)
        if (batch_idx + 1) % self.config.log_every == 0 or batch_idx + 1 == self.config.steps:
            self._write(batch_idx + 1, loss=loss.item(), chi2=chi2.item())
        return loss

    def _count(self, out: Reconstruction) -> None:
        self._counts += torch.bincount(out.indices.flatten().cpu(), minlength=len(self._counts))

    def _write(self, step: int, **values: float) -> None:
        use = CodeUse.of(self._counts)
        self._counts.zero_()
        if self.logger is not None:
            self.logger.log_metrics({**values, "utilisation": use.utilisation, "perplexity": use.perplexity}, step)

    def configure_optimizers(self) -> Any:  # noqa: ANN401 - Lightning's union
        """AdamW with warm-up and cosine, one step of the schedule per optimiser step."""
        c = self.config
        adam, schedule = optimizer(
            self.tokenizer,
            c.steps,
            OptimConfig(peak_rate=c.peak_rate, weight_decay=c.weight_decay, warmup_fraction=c.warmup_fraction),
        )
        return {"optimizer": adam, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def single_precision(batch: Prepared) -> dict[str, Tensor]:
    """Arrays kept in float16 as float32."""
    return {k: v.float() if v.dtype == torch.float16 else v for k, v in batch.items()}
