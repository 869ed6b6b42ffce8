"""TrainerConfig, and the Lightning trainer it describes: loggers, callbacks, checkpoints of one run directory."""

import inspect
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import Logger

from foundation.config import OptimConfig
from foundation.errors import FoundationError
from foundation.training.background import BackgroundFile
from foundation.training.checkpoint import CheckpointFile, StepCheckpoint
from foundation.training.curves import METRICS, Curves, MetricsFile
from foundation.training.ending import Ending
from foundation.training.guard import Guard
from foundation.training.imbalance import Imbalance
from foundation.training.lines import progress
from foundation.training.missed import MissedValidation
from foundation.training.strategy.choose import STAGES, Way, choose
from foundation.training.throughput import DataWait, Throughput


@dataclass(frozen=True)
class TrainerConfig:
    """How long, on what and with which records; all durations are optimiser steps.

    Args:
        max_steps: length of the run.
        precision: of the arithmetic, in Lightning's words; weights and optimiser stay in float32.
        accelerator: "cpu", "gpu" or "auto" (a GPU if there is one).
        devices: processes on each machine, or "auto".
        num_nodes: machines.
        strategy: "ddp" has everything on every rank; "zero1" deals out optimiser states over ranks, "zero2" gradients
            too, "zero3" (DeepSpeed) and "fsdp" (PyTorch) weights too; "auto" is "ddp" if there are several ranks.
        timeout: seconds after which a rank gives up waiting for another, and the run ends.
        accumulate: micro-batches of a step.
        recompute: keep only the inputs of blocks for the backward pass, which computes the rest again: less memory,
            about a third more time.
        compile: compile the blocks with torch.compile.
        log_every: steps between rows of metrics.csv.
        checkpoint_every: steps between checkpoints; the last step always makes one.
        keep_last: checkpoints kept.
        save_in_background: write checkpoints while training goes on, from a copy in host memory.
        validate_every: steps between validations.
        validation_batches: batches of a validation on each rank.
        patience: steps with a gradient that is not finite, each of which is left out, in a row that end the run.
        spike: deviations above the logged losses before it at which a loss is told of, with its samples; 0 = never.
        pictures: held-out samples drawn after each validation, completed from their other modalities; needs tokenizers.
        tensorboard: whether to write TensorBoard files too.
        wandb: name of a Weights & Biases project to log to, or None.
        extra: further options of lightning.pytorch.Trainer by name.
    """

    max_steps: int = 205_000
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    accelerator: str = "auto"
    devices: int | str = "auto"
    num_nodes: int = 1
    strategy: Way = "auto"
    timeout: float = 600.0
    accumulate: int = 1
    recompute: bool = False
    compile: bool = False
    log_every: int = 10
    checkpoint_every: int = 1000
    keep_last: int = 3
    save_in_background: bool = False
    validate_every: int = 1000
    validation_batches: int = 50
    patience: int = 3
    spike: float = 6.0
    pictures: int = 4
    tensorboard: bool = True
    wandb: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)


def build_trainer(
    config: TrainerConfig,
    optim: OptimConfig,
    out: Path,
    validates: bool,
    first_step: int = 0,
    callbacks: Iterable[Callback] = (),
) -> pl.Trainer:
    """The trainer of the run in `out`.

    Args:
        validates: whether there is a validation set.
        first_step: steps already done by the run that is resumed.
        callbacks: further ones, called before the curves are written.

    Raises:
        FoundationError: an option in `extra` that Lightning does not have or that has its own place here.
    """
    wait = DataWait()
    accelerator, (devices, nodes) = _accelerator(config.accelerator), _places(config)
    strategy = choose(config.strategy, config.precision, accelerator, _count(devices) * nodes, config.timeout)
    options = {
        "max_steps": config.max_steps,
        "max_epochs": -1,
        "precision": None if config.strategy in STAGES else config.precision,  # which DeepSpeed sees to itself
        "accelerator": accelerator,
        "devices": devices,
        "num_nodes": nodes,
        "strategy": strategy,
        "accumulate_grad_batches": config.accumulate,
        "gradient_clip_val": optim.clip_norm or None,
        "val_check_interval": config.validate_every * config.accumulate if validates else None,
        "check_val_every_n_epoch": None,
        "limit_val_batches": config.validation_batches if validates else 0,
        "num_sanity_val_steps": 0,  # would advance the validation stream of a new run but not of a resumed one
        "log_every_n_steps": config.log_every,
        "default_root_dir": out,
        "logger": _loggers(config, out, first_step),
        "callbacks": [
            *_callbacks(config, optim, out, validates, wait),
            *callbacks,
            Curves(config.log_every),
            Ending(),
            MissedValidation(out / METRICS, first_step if validates else 0, config.validate_every),
        ],
        "plugins": [BackgroundFile() if config.save_in_background else CheckpointFile(), *_environment()],
        "profiler": wait,
        "use_distributed_sampler": False,  # the stream deals samples to ranks itself
        "enable_model_summary": False,
    }
    _check_extra(config.extra, taken=set(options))
    return pl.Trainer(**options, **config.extra)


def _accelerator(name: str) -> str:
    """Apple's GPUs have no float64, which positions need."""
    return "cpu" if name == "auto" and not torch.cuda.is_available() else name


def _environment() -> list[SLURMEnvironment]:
    """Of SLURM without Lightning's requeueing, which saves in the middle of a step; configs/slurm.sbatch requeues."""
    by_torchrun = "TORCHELASTIC_RUN_ID" in os.environ
    return [SLURMEnvironment(auto_requeue=False)] if SLURMEnvironment.detect() and not by_torchrun else []


def _places(config: TrainerConfig) -> tuple[int | str, int]:
    """Processes on each machine and machines: as torchrun started them, or as configured."""
    here = int(os.environ.get("LOCAL_WORLD_SIZE", 0))
    if here and config.devices == "auto":
        return here, int(os.environ["WORLD_SIZE"]) // here
    return config.devices, config.num_nodes


def _count(devices: int | str) -> int:
    return int(devices) if str(devices).isdigit() else max(torch.cuda.device_count(), 1)


def _check_extra(extra: dict[str, Any], taken: set[str]) -> None:
    known = set(inspect.signature(pl.Trainer).parameters)
    for name in extra:
        if name in taken:
            raise FoundationError(
                f"trainer.extra sets {name!r}, which foundation sets itself. "
                "Use the option of `--trainer` or `--optim` for it."
            )
        if name not in known:
            raise FoundationError(
                f"trainer.extra has {name!r}, which is no option of Lightning's Trainer. "
                f"Use one of {', '.join(sorted(known - taken))}."
            )


def _loggers(config: TrainerConfig, out: Path, first_step: int) -> list[Logger]:
    loggers: list[Logger] = [MetricsFile(out)]
    if config.tensorboard:
        loggers.append(_tensorboard(out, first_step))
    if config.wandb:
        loggers.append(_wandb(config.wandb, out))
    return loggers


def _tensorboard(out: Path, first_step: int) -> Logger:
    from lightning.pytorch.loggers import TensorBoardLogger

    try:  # purge_step hides what a killed run wrote after the checkpoint
        return TensorBoardLogger(
            out, name="", version="", sub_dir="tensorboard", purge_step=first_step + 1, default_hp_metric=False
        )
    except ModuleNotFoundError as error:
        raise FoundationError(
            "TensorBoard is not installed. "
            "Type `pip install 'foundation-science[eval]'`, or `--trainer.tensorboard false`."
        ) from error


def _wandb(project: str, out: Path) -> Logger:
    from lightning.pytorch.loggers import WandbLogger

    try:  # the same id makes a resumed run go on with its own curves
        return WandbLogger(project=project, save_dir=out, id=out.name, name=out.name, resume="allow")
    except ModuleNotFoundError as error:
        raise FoundationError(
            "wandb is not installed. Type `pip install wandb`, or leave out `--trainer.wandb`."
        ) from error


def _callbacks(config: TrainerConfig, optim: OptimConfig, out: Path, validates: bool, wait: DataWait) -> list[Callback]:
    checkpoints = out / "checkpoints"
    callbacks: list[Callback] = [
        progress(config.log_every),
        Guard(config.patience, config.spike),
        Throughput(config.log_every, wait),
        Imbalance(config.log_every),
        StepCheckpoint(checkpoints, config.checkpoint_every, config.keep_last),
    ]
    if validates:
        callbacks.append(ModelCheckpoint(checkpoints, "best", monitor="validation/loss", enable_version_counter=False))
    if optim.ema_decay:
        callbacks.append(EMAWeightAveraging(decay=optim.ema_decay, use_buffers=False))
    return callbacks
