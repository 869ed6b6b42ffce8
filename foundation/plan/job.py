"""Job: one train config, as much of it as a plan needs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from foundation.training.base import TrainingModule
from foundation.training.trainer import TrainerConfig


@dataclass(frozen=True, eq=False)
class Job:
    """What would be trained.

    Args:
        model: the sizes of the network, a dataclass.
        depths: its fields that count blocks.
        build: makes the training module for such sizes.
        batches: a few micro-batches of one rank, as training would get them.
        probe: a micro-batch small enough to run on this machine.
        trainer: length, precision, strategy.
        source: where the micro-batches come from, in words.
    """

    model: Any
    depths: tuple[str, ...]
    build: Callable[[Any], TrainingModule]
    batches: Sequence[Any]
    probe: Any
    trainer: TrainerConfig
    source: str
