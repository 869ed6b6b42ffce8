"""Imbalance: how much longer the slowest rank of each step computes than the ranks do on average.

Ranks meet in the backward pass, whose wall time is therefore the same everywhere; the forward pass and the loss are
what each does by itself, as long as it holds the model whole. Under zero3 and fsdp ranks wait for weights of each other
there too, and the figure is a lower bound.
"""

import time
from collections.abc import Callable

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, distributed

from foundation.training.curves import completes_step


class Imbalance(Callback):
    """Logs train/imbalance: of the steps since the last row, the longest forward times of any rank over the means.

    1 is perfect; what it is above 1 is the share of the forward time that the mean rank waits for the slowest. Steps
    that are logged are left out, because they end in a sum over ranks; with a row for every step there is no figure.
    """

    def __init__(self, every: int) -> None:
        self.every = every
        self._now: Callable[[], Moment] = Moment
        self._passes: list[list[tuple[Moment, Moment]]] = [[]]
        self._begin = Moment()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Choose the clock."""
        self._now = GPUMoment if pl_module.device.type == "cuda" else Moment

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: object, batch_idx: int
    ) -> None:
        """The forward pass begins."""
        self._begin = self._now()

    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: Tensor) -> None:
        """It has ended."""
        self._passes[-1].append((self._begin, self._now()))

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """After the last micro-batch of a step begin the next; at every `every`-th compare the ranks and log."""
        if not completes_step(trainer, batch_idx):
            return
        if trainer.global_step % self.every:
            self._passes.append([])
            return
        if trainer.world_size > 1 and len(self._passes) > 1:
            own = [sum(begin.until(end) for begin, end in step) for step in self._passes[:-1]]
            excess = imbalance(torch.tensor(own, dtype=torch.float64, device=pl_module.device))
            pl_module.log("train/imbalance", excess, logger=False, batch_size=1)
        self._passes = [[]]


class Moment:
    """A moment of the host."""

    def __init__(self) -> None:
        self.seconds = time.perf_counter()

    def until(self, later: "Moment") -> float:
        """Seconds from this to a later one."""
        return later.seconds - self.seconds


class GPUMoment(Moment):
    """A moment in the work of a GPU, which is waited for only when it is read."""

    def __init__(self) -> None:
        self.event = torch.cuda.Event(enable_timing=True)
        self.event.record()

    def until(self, later: "GPUMoment") -> float:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Seconds from this to a later one."""
        later.event.synchronize()
        return self.event.elapsed_time(later.event) / 1e3


def imbalance(own: Tensor) -> Tensor:
    """Sum over steps of the longest time of any rank, over that of the ranks' means; all ranks must ask.

    Args:
        own: [steps] seconds of this rank.
    """
    longest, total = own.clone(), own.clone()
    distributed.all_reduce(longest, distributed.ReduceOp.MAX)
    distributed.all_reduce(total)
    return longest.sum() * distributed.get_world_size() / total.sum()
