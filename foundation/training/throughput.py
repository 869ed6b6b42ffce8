"""How fast training is: tokens and samples per second, useful FLOPs, the wait for data, peak memory."""

import resource
import sys
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.utilities.throughput import get_available_flops
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.profilers import Profiler

from foundation.training.curves import completes_step


@dataclass(frozen=True)
class Work:
    """What a batch asks for.

    Args:
        tokens: elements of the batch.
        samples: documents, or windows of simulations.
        flops: useful operations of the forward and backward pass.
    """

    tokens: int
    samples: int
    flops: torch.Tensor | float


class Measured(pl.LightningModule, ABC):
    """A module whose throughput can be told."""

    @abstractmethod
    def work(self, batch: Any) -> Work:  # noqa: ANN401 - each module has its own kind of batch
        """What this batch asks for."""


class DataWait(Profiler):
    """Adds up the seconds in which the training loop waited for the loader; Lightning marks them for its profilers."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self._since = 0.0

    def start(self, action_name: str) -> None:
        """Note when a fetch begins."""
        if action_name.endswith("train_dataloader_next"):
            self._since = time.perf_counter()

    def stop(self, action_name: str) -> None:
        """Add how long it took."""
        if action_name.endswith("train_dataloader_next"):
            self.seconds += time.perf_counter() - self._since


class Throughput(Callback):
    """Logs, averaged over the last `every` steps and without the time spent in validation:

    train/tokens_per_second and train/samples_per_second of all ranks (elements and documents of the batches);
    train/flops_per_second of one rank, useful FLOPs only (training/flops.py), and as train/mfu the share of the
    device's peak where that is known; train/data_wait, the share of the time spent waiting for the loader;
    train/peak_gib, memory of the device, or of the process on the CPU.
    """

    def __init__(self, every: int, wait: DataWait | None = None) -> None:
        self.every = every
        self.wait = wait
        self._peak: float | None = None
        self._reset()

    def _reset(self) -> None:
        self._start = time.perf_counter()
        self._waited = self.wait.seconds if self.wait else 0.0
        self._paused = self._tokens = self._samples = 0.0
        self._flops: torch.Tensor | float = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Look up the device's peak and start the clock."""
        dtype = torch.bfloat16 if "16" in str(trainer.precision) else torch.float32
        peak = get_available_flops(pl_module.device, dtype) if pl_module.device.type == "cuda" else None
        self._peak = float(peak) if peak else None
        self._reset()

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop the clock."""
        self._validation = time.perf_counter()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Let it run again."""
        self._paused += time.perf_counter() - self._validation

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Measured, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Count the batch; at the last micro-batch of every `every`-th step, log and start anew."""
        work = pl_module.work(batch)
        self._tokens += work.tokens
        self._samples += work.samples
        self._flops = self._flops + work.flops
        if completes_step(trainer, batch_idx) and trainer.global_step % self.every == 0:
            pl_module.log_dict(self._rates(trainer, pl_module.device), logger=False, batch_size=1)
            self._reset()

    def _rates(self, trainer: pl.Trainer, device: torch.device) -> dict[str, float]:
        if device.type == "cuda":
            torch.cuda.synchronize(device)  # else the clock stops before the work does
        seconds = max(time.perf_counter() - self._start - self._paused, 1e-9)
        rates = {
            "train/tokens_per_second": self._tokens * trainer.world_size / seconds,
            "train/samples_per_second": self._samples * trainer.world_size / seconds,
            "train/flops_per_second": float(self._flops) / seconds,
            "train/peak_gib": peak_memory(device) / 2**30,
        }
        if self._peak:
            rates["train/mfu"] = rates["train/flops_per_second"] / self._peak
        if self.wait:
            rates["train/data_wait"] = (self.wait.seconds - self._waited) / seconds
        return rates


def peak_memory(device: torch.device) -> float:
    """Largest memory used so far in bytes: of a CUDA device by torch, else of this process."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak) if sys.platform == "darwin" else 1024.0 * peak  # bytes on macOS, KiB on Linux
