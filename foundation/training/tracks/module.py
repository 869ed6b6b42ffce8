"""TrackModule: masked modelling of summed tracks, some rows hidden from the decoder, so that registers are needed."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Generator, Tensor

from foundation.batch import TokenBatch
from foundation.config import OptimConfig
from foundation.model.tracks.directions import Directions
from foundation.model.tracks.rows import AskedRows, GivenRows
from foundation.model.tracks.transformer import TrackTransformer
from foundation.training.flops import pairs
from foundation.training.module import PretrainingModule
from foundation.training.throughput import Work


class TrackModule(PretrainingModule):
    """As PretrainingModule.

    Args:
        model, optim, steps, record: as there.
        seed: of what is hidden; with the step and the rank it decides all of it, so that a resumed run repeats it.
    """

    model: TrackTransformer

    def __init__(
        self,
        model: TrackTransformer,
        optim: OptimConfig,
        steps: int,
        record: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(model, optim, steps, record)
        self.seed = seed

    def states(self, batch: TokenBatch, batch_idx: int) -> Float[Tensor, "E width"]:
        """Of a training step: some rows are hidden."""
        trainer = self.trainer
        place = [self.seed, trainer.global_step, batch_idx % trainer.accumulate_grad_batches, trainer.global_rank]
        number = int(np.random.SeedSequence(place).generate_state(1, np.uint64)[0] >> 1)
        return self.model(batch, Generator().manual_seed(number))

    def work(self, batch: TokenBatch) -> Work:
        """Elements and documents of the batch, and its useful operations."""
        return Work(len(batch), batch.documents, 3 * forward_flops(self.model, batch))


def forward_flops(model: TrackTransformer, batch: TokenBatch) -> Float[Tensor, ""]:
    """Operations of one forward pass and the heads at its queries; counted as in `foundation.training.flops`."""
    config, width = model.config, model.config.width
    given, asked = GivenRows.of(batch, config.registers), AskedRows.of(batch, model.text)
    block = 8 * width**2 + 4 * width * config.hidden
    rows, queries = len(given.index), len(asked.index)
    heads = torch.tensor([2.0 * width * s.size for s in model.spaces], dtype=torch.float64, device=batch.ids.device)
    outside = heads[batch.space[batch.query_rows]].sum() + 2 * width**2 * rows
    encoder = rows * block + _seen(model, given.directions)
    cross = 4 * width**2 * (queries + rows) + 4 * width * pairs(asked.to_given(given))
    decoder = queries * block + _seen(model, asked.directions) + cross
    return outside + config.depth * encoder + config.decoder_depth * decoder


def _seen(model: TrackTransformer, directions: Directions) -> Float[Tensor, ""]:
    """Of self-attention, each group of heads over the pairs that it sees."""
    config = model.config
    one_way = pairs(directions.back) + pairs(directions.ahead)
    both = (config.heads - 2 * config.each_way) * pairs(directions.both)
    return 4 * config.dim * (config.each_way * one_way + both)
