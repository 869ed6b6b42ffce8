"""FieldDataConfig: which simulations a field model trains on, and how windows of them become micro-batches."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from foundation.errors import FoundationError


@dataclass(frozen=True)
class FieldSet:
    """One data set in The Well's layout.

    Args:
        train: files of The Well, or a directory of them.
        validation: the same; None = not validated.
        share: of the micro-batches, in any unit.
    """

    train: Path
    validation: Path | None = None
    share: float = 1.0


@dataclass(frozen=True)
class FieldDataConfig:
    """Data sets and windows; the defaults are those of Walrus (arXiv:2511.15684).

    Args:
        sets: name -> data set.
        frames: shown of a window on 1 or 2 axes of space, and on 3; one more is read, to be predicted.
        windows: in a micro-batch on 1 or 2 axes, and on 3.
        stride: least and most distance of consecutive frames, drawn for each window.
        policy: of balance, as `foundation balance` compares them.
        calibrate_every: optimiser steps after which the ranks agree anew on what each set costs, by what they timed.
            Which rank reads what then depends on the clock, so a run is no longer a function of its seed alone; what is
            read in a step still is. 0 = plan by counted operations throughout.
        validation_windows: of each set, evenly spaced over its validation files.
        workers: loader processes of each rank; what is read does not depend on it.

    Raises:
        FoundationError: no set, fewer than two frames, or a number below 0.
    """

    sets: dict[str, FieldSet] = field(default_factory=dict)
    frames: tuple[int, int] = (6, 3)
    windows: tuple[int, int] = (2, 1)
    stride: tuple[int, int] = (1, 5)
    policy: Literal["random", "paper", "grouped", "sorted"] = "sorted"
    calibrate_every: int = 0
    validation_windows: int = 16
    workers: int = 2

    def __post_init__(self) -> None:
        if not self.sets:
            raise FoundationError("No data set. Give `--data.sets '{NAME: {train: DIRECTORY}}'`, or a config.")
        if min(self.frames) < 2 or min(self.windows) < 1:
            raise FoundationError(
                f"Windows of {self.frames} frames, {self.windows} of them. Show 2 or more frames, of 1 or more windows."
            )
        if self.calibrate_every < 0:
            raise FoundationError(f"data.calibrate_every is {self.calibrate_every}. Give steps, or 0 to do without.")
