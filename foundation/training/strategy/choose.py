"""The names of strategies on the command line, and Lightning's strategy for each."""

import os
from datetime import timedelta
from typing import Literal

import torch
from lightning.pytorch.strategies import DDPStrategy, Strategy

from foundation.errors import FoundationError

Way = Literal["auto", "ddp", "zero1", "zero2", "zero3", "fsdp"]
STAGES = {"zero1": 1, "zero2": 2, "zero3": 3}
DEALT_AS_MADE = "zero3"  # a new model is never whole on any rank
SHARDED = ("zero3", "fsdp")  # no rank has all weights


def choose(way: Way, precision: str, accelerator: str, processes: int, timeout: float) -> Strategy | str:
    """Lightning's strategy.

    Args:
        way: "ddp" has everything on every rank; "zero1" deals out optimiser states, "zero2" gradients too, "zero3" and
            "fsdp" weights too; "auto" is "ddp" if there are several processes.
        precision: of the arithmetic.
        accelerator: "cpu", or another.
        processes: of the whole run.
        timeout: seconds after which a rank gives up waiting for another.

    Raises:
        FoundationError: DeepSpeed is not installed.
    """
    patience = timedelta(seconds=timeout)
    if way == "fsdp":
        from foundation.training.strategy.sharded import ShardedStrategy

        return ShardedStrategy(patience)
    if way in STAGES:
        return _zero(STAGES[way], precision, accelerator, patience)
    if way == "auto" and processes == 1:
        return "auto"
    return DDPStrategy(timeout=patience, gradient_as_bucket_view=True)


def _zero(stage: int, precision: str, accelerator: str, patience: timedelta) -> Strategy:
    if accelerator == "cpu" or not torch.cuda.is_available():
        os.environ.setdefault("DS_ACCELERATOR", "cpu")  # DeepSpeed looks for it when it is imported
    try:
        from foundation.training.strategy.zero import ZeroStrategy

        return ZeroStrategy(stage, precision, patience)
    except (ModuleNotFoundError, ImportError) as error:
        raise FoundationError(
            f"--trainer.strategy zero{stage} needs DeepSpeed ({error}). "
            "Type `pip install 'foundation-science[deepspeed]'`, or use `--trainer.strategy fsdp`."
        ) from error
