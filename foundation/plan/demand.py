"""Demand: what one micro-batch of a job asks of one GPU: weights, memory for the backward pass, operations."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, is_dataclass, replace
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from torch.utils.data import DataLoader

from foundation.plan.job import Job
from foundation.plan.live import Live
from foundation.training.base import Making, TrainingModule
from foundation.training.quiet import quiet
from foundation.training.run import EXPECTED

FLOAT32, BFLOAT16 = 4, 2  # bytes


@dataclass(frozen=True)
class Demand:
    """What is counted.

    Args:
        parameters: of the model and of what is trained beside it.
        trained: those of them that are not frozen.
        block: parameters of the largest block, which sharded training gathers at once.
        outside: parameters outside of blocks.
        copies: bytes of the bfloat16 copies of the weights that mixed precision keeps for the backward pass.
        activations: bytes kept for the backward pass of one micro-batch, and what it needs meanwhile.
        tokens: elements, or patches, of one micro-batch; the mean over a few.
        samples: objects or windows of one micro-batch.
        flops: useful operations of its forward and backward pass.
        batch_bytes: of one micro-batch, as it is copied to the GPU.
    """

    parameters: int
    trained: int
    block: int
    outside: int
    copies: float
    activations: float
    tokens: float
    samples: float
    flops: float
    batch_bytes: float


def demand(job: Job) -> Demand:
    """Count parameters on the meta device and operations of micro-batches; run one or two shallow steps for memory."""
    with torch.device("meta"):
        whole = job.build(job.model)
    blocks = [sum(p.numel() for p in block.parameters()) for block in whole.blocks()]
    parameters = sum(p.numel() for p in whole.parameters())
    work = [whole.work(batch) for batch in job.batches]
    tokens, samples, flops = (_mean([float(getattr(w, n)) for w in work]) for n in ("tokens", "samples", "flops"))
    mixed = job.trainer.precision.startswith("bf16")
    share = tokens / float(whole.work(job.probe).tokens)
    return Demand(
        parameters,
        sum(p.numel() for p in whole.parameters() if p.requires_grad),
        max(blocks, default=0),
        parameters - sum(blocks),
        float(BFLOAT16 * sum(blocks) * mixed),
        share * _activations(job, mixed),
        tokens,
        samples,
        flops,
        _mean([float(_bytes(batch)) for batch in job.batches]),
    )


def _activations(job: Job, mixed: bool) -> float:
    """Of the probe: measured with one block of each kind, and with two, and continued to all of them."""
    shallow = replace(job.model, **dict.fromkeys(job.depths, 1))
    first = _peak(job, shallow, mixed)
    each = {name: _peak(job, replace(shallow, **{name: 2}), mixed) - first for name in job.depths}
    return first + sum((getattr(job.model, name) - 1) * more for name, more in each.items())


def _peak(job: Job, model: Any, mixed: bool) -> float:  # noqa: ANN401 - sizes of any kind of model
    """Bytes that one step of training a model of these sizes takes, without weights, gradients and copies."""
    module = job.build(model)
    module.making = Making(recompute=job.trainer.recompute)
    live = Live(module)
    options = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    options |= {"enable_model_summary": False, "accelerator": "cpu", "devices": 1, "precision": job.trainer.precision}
    with quiet((*EXPECTED, ".*GPU available but not used.*", ".*does not have many workers.*")), live:
        warnings.simplefilter("ignore")
        trainer = pl.Trainer(max_steps=1, callbacks=[_UntilStep(live)], **options)  # pyright: ignore[reportArgumentType]
        trainer.fit(module, DataLoader([job.probe], batch_size=None))  # pyright: ignore[reportArgumentType] - a data set
    return live.peak - BFLOAT16 * mixed * _in_blocks(module)


class Told(Callback):
    """Tells a training module that each micro-batch is a step of its own, as its data module would."""

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: TrainingModule, batch: object, batch_idx: int
    ) -> None:
        """Say so."""
        pl_module.expect([batch])


class _UntilStep(Told):
    """Ends the counting before the optimiser makes its states, whose size is known."""

    def __init__(self, live: Live) -> None:
        self.live = live

    def on_before_optimizer_step(self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: object) -> None:
        self.live.close()
        pl_module.zero_grad(set_to_none=True)  # then the optimiser does nothing, and takes no memory


def _in_blocks(module: TrainingModule) -> int:
    return sum(p.numel() for block in module.blocks() for p in block.parameters())


def _bytes(batch: object) -> int:
    """Of all tensors in a batch, whatever its kind."""
    if isinstance(batch, torch.Tensor):
        return batch.nbytes
    if isinstance(batch, list | tuple | dict):
        return sum(map(_bytes, batch.values() if isinstance(batch, dict) else batch))
    return sum(map(_bytes, vars(batch).values())) if is_dataclass(batch) else 0


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
