"""The life of a run, whatever is trained: where it goes on, what it writes first, how it ends when told to."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import rank_zero_only
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import nn

from foundation.config import OptimConfig
from foundation.errors import FoundationError
from foundation.training import resolved
from foundation.training.base import Making, TrainingModule
from foundation.training.checkpoint import CheckpointError, latest, read, remove_leftovers
from foundation.training.curves import METRICS, forget_after
from foundation.training.ending import missing_ranks_explained
from foundation.training.export import export
from foundation.training.quiet import quiet
from foundation.training.strategy.choose import DEALT_AS_MADE, SHARDED, STAGES
from foundation.training.trainer import TrainerConfig, build_trainer

M = TypeVar("M", bound=nn.Module)

EXPECTED = (  # warnings of Lightning about what is meant here
    ".*exists and is not empty.*",  # the directory of a run that goes on
    ".*does not have many workers.*",  # data.workers is the user's choice
    ".*without ongoing reduction.*|.*sync_dist=True.*",  # the loss is summed over ranks before it is logged
    ".*smaller than the logging interval.*",  # a short run has few rows
    ".*WeightAveraging callback with a model that overrides.*",  # weights are dealt out only where nothing is averaged
    ".*LeafSpec.*",  # Lightning's use of torch
    ".*is deprecated. Please use `torch.distributed.*",  # DeepSpeed's and PyTorch's own use of PyTorch
    ".*mid-epoch.*",  # the loader keeps its position, so going on inside an epoch is exact
)


@dataclass(frozen=True)
class Run:
    """A run directory, and where the run goes on.

    Args:
        out: the directory.
        trainer: length, hardware, records.
        record: what every checkpoint stores, with "config" (every option) and "data_fingerprint".
        checkpoint: what is gone on from; None = the run is new.
        step: of the checkpoint.
    """

    out: Path
    trainer: TrainerConfig
    record: Mapping[str, Any]
    checkpoint: Path | None = None
    step: int = 0

    @classmethod
    def opened(
        cls, out: Path, trainer: TrainerConfig, record: dict[str, Any], resume: Literal["auto"] | Path | None
    ) -> "Run":
        """The run in `out`, new or gone on with.

        Raises:
            FoundationError: the directory holds another run, or the checkpoint belongs to another one.
        """
        checkpoint = find(out, resume)
        return cls(out, trainer, record, checkpoint, check_same_run(checkpoint, record) if checkpoint else 0)

    def made(self, build: Callable[[], M]) -> M:
        """A new model; without weights if they are dealt out as they are made, which happens in `train`."""
        if self.trainer.strategy != DEALT_AS_MADE:
            return build()
        with torch.device("meta"):
            return build()

    def train(
        self,
        module: TrainingModule,
        data: pl.LightningDataModule,
        build: Callable[[], nn.Module] | None,
        *,
        of: str,
        validates: bool,
        callbacks: Sequence[Callback] = (),
        begun: Path | None = None,
    ) -> None:
        """Train to the end, export the model, and say so.

        Args:
            module: what is trained.
            data: its batches.
            build: what `made` was called with; None = the model of the module has its weights already.
            of: what it is trained on, for the line that announces it.
            validates: whether there is a validation set.
            callbacks: further ones.
            begun: the model whose weights a new run starts from, if any.
        """
        self._check(module.optim)
        sketched = self.trainer.strategy == DEALT_AS_MADE
        module.making = Making(build if sketched else None, self.trainer.recompute, self.trainer.compile)
        with quiet(EXPECTED):
            runner = build_trainer(self.trainer, module.optim, self.out, validates, self.step, callbacks)
            self._prepare()
            self._announce(module, of, begun)
            with missing_ranks_explained(self.out, self.trainer.timeout):
                fit(runner, module, data, self.checkpoint)
        if runner.is_global_zero:
            export(self.out, out=self.out / "export")
            print(f"done: {self.out / 'export'}", file=sys.stderr)

    def _check(self, optim: OptimConfig) -> None:
        """Refuse what needs whole weights where none has them."""
        way = self.trainer.strategy
        if optim.kind == "muon" and way in (*STAGES, *SHARDED):
            raise FoundationError(
                f"--optim.kind muon with --trainer.strategy {way}, which deals out pieces of matrices that Muon needs "
                "whole. Take `--trainer.strategy ddp`, or `--optim.kind adamw`."
            )
        if optim.ema_decay and way in SHARDED:
            raise FoundationError(
                f"--optim.ema_decay with --trainer.strategy {way}, which leaves no whole weights to average. "
                "Take zero2, or leave the average out."
            )

    @rank_zero_only
    def _prepare(self) -> None:
        """Write config.yaml, and remove what a killed run wrote after its last whole checkpoint."""
        resolved.write(self.record["config"], self.out / "config.yaml")
        remove_leftovers(self.out / "checkpoints")
        forget_after(self.out / METRICS, self.step)

    @rank_zero_only
    def _announce(self, module: pl.LightningModule, of: str, begun: Path | None) -> None:
        """Say what begins."""
        parameters = sum(p.numel() for p in module.parameters())
        start = f"with the weights of {begun}" if begun else "from scratch"
        start = f"going on from {self.checkpoint}" if self.checkpoint else start
        print(f"{parameters:,} parameters, {of}, {start}, into {self.out}", file=sys.stderr)


def find(out: Path, resume: Literal["auto"] | Path | None) -> Path | None:
    """The checkpoint to go on from, or None for a new run.

    Raises:
        FoundationError: the directory holds another run and nobody said to go on.
    """
    if isinstance(resume, Path):
        return resume
    directory = out / "checkpoints"
    if resume == "auto":
        return latest(directory)
    if any(directory.glob("*.ckpt")) and rank_zero_only.rank == 0:
        raise FoundationError(
            f"{out} holds the checkpoints of an earlier run. Add `--resume auto` to go on, or give another `--out`."
        )
    return None


def check_same_run(checkpoint: Path, record: dict[str, Any]) -> int:
    """The step of the checkpoint, if it belongs to this run.

    Args:
        record: "config" with every option, and "data_fingerprint".

    Raises:
        CheckpointError: it is no training checkpoint, or one of another configuration or other data.
    """
    content = read(checkpoint)
    then = content.get("foundation")
    if not then:
        raise CheckpointError(
            f"{checkpoint}: not a checkpoint of `foundation train`. Give one from a run's checkpoints directory."
        )
    resolved.check_same(record["config"], then["config"], checkpoint)
    if record["data_fingerprint"] != then["data_fingerprint"]:
        raise CheckpointError(
            f"{checkpoint} was trained on shards {then['data_fingerprint']}, `--data.train` holds "
            f"{record['data_fingerprint']}. Give the same shards to go on, or another `--out` to start anew."
        )
    return int(content["global_step"])


def fit(runner: pl.Trainer, module: pl.LightningModule, data: pl.LightningDataModule, checkpoint: Path | None) -> None:
    """Train to the end, or until told to end by SIGTERM, which leaves a checkpoint."""
    try:
        runner.fit(module, data, ckpt_path=checkpoint, weights_only=True)
    except SIGTERMException:
        print(
            f"stopped by SIGTERM at step {runner.global_step}; type the same with `--resume auto` to go on",
            file=sys.stderr,
        )
        sys.exit(143)  # 128 + SIGTERM, as a shell expects
