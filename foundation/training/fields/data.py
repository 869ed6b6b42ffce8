"""FieldDataModule: simulations on disk to balanced micro-batches for Lightning, on every rank."""

from pathlib import Path

from torch.utils.data import DataLoader

from foundation.data.balance.world import World
from foundation.data.fields.batch import AXES, FieldBatch
from foundation.data.fields.loader import FieldLoader
from foundation.data.fields.mix import FieldCheck, FieldMix, Source
from foundation.data.fields.reader import WellReader
from foundation.data.fields.windows import FieldWindows, well_files
from foundation.data.ranked import RankedData
from foundation.data.steps import InSteps
from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.unet_config import UNetConfig
from foundation.processes import end_with_parent
from foundation.training.fields.config import FieldDataConfig, FieldSet
from foundation.training.fields.flops import load_of


class FieldDataModule(RankedData):
    """Loaders for training (endless, balanced, resumable) and validation (the same windows each time).

    Args:
        config: the data sets.
        model: sizes, which say what a micro-batch of each set costs.
        seed: of what is read and when.
        steps: optimiser steps of the run.
        accumulate: micro-batches of a step on each rank.

    Raises:
        FoundationError: files that are missing, damaged or too short.
    """

    def __init__(
        self, config: FieldDataConfig, model: FieldModelConfig | UNetConfig, seed: int, steps: int, accumulate: int
    ) -> None:
        super().__init__()
        self.config, self.seed, self.steps, self.accumulate = config, seed, steps, accumulate
        self.sources = [_source(name, some, config, model) for name, some in config.sets.items()]
        self.checks = {
            name: _windows(some.validation, config, stride=(1, 1))
            for name, some in config.sets.items()
            if some.validation is not None
        }

    @property
    def names(self) -> tuple[str, ...]:
        """Every channel of any set once, in the order of first appearance."""
        return tuple(dict.fromkeys(n for s in self.sources for r in s.windows.readers for n in r.layout.names))

    @property
    def mix(self) -> FieldMix:
        """The micro-batches of this rank."""
        rank, ranks = self.place
        return FieldMix(self.sources, World(ranks, 1, self.accumulate), rank, self.config.policy, self.seed)

    def train_dataloader(self) -> InSteps[FieldBatch]:
        """Micro-batches of the whole run for this rank."""
        return self.in_steps(FieldLoader(self.mix, self.steps * self.accumulate, self.config.workers))

    def val_dataloader(self) -> DataLoader | list:
        """Windows of every validation set; an empty list if there is none."""
        if not self.checks:
            return []
        rank, ranks = self.place
        check = FieldCheck(self.checks, self.config.validation_windows, rank, ranks)
        return DataLoader(check, batch_size=None, num_workers=self.config.workers, worker_init_fn=end_with_parent)


def _source(name: str, some: FieldSet, config: FieldDataConfig, model: FieldModelConfig | UNetConfig) -> Source:
    """A data set with the operations of a micro-batch, which is what balance needs to know before any is timed."""
    windows = _windows(some.train, config, config.stride)
    together = config.windows[_is_solid(windows.readers[0])]
    one = FieldBatch.of([windows[0]], "")
    load, moved = load_of(model, one, together), float(4 * together * one.values.numel())
    return Source(name, windows, together, some.share, load.operations, (float(load.tokens), float(load.pairs), moved))


def _windows(files: Path, config: FieldDataConfig, stride: tuple[int, int]) -> FieldWindows:
    """Windows of as many frames as the number of axes asks for, and one to predict."""
    frames = config.frames[_is_solid(WellReader(well_files(files)[0]))]
    return FieldWindows(files, frames + 1, stride)


def _is_solid(reader: WellReader) -> bool:
    return len(reader.layout.space) == AXES
