"""Run by test_exact.py: tiny systems trained on the micro-batches of two ranks, by two processes or by one.

Arguments: strategy; steps; directory of runs; then for each run the system (tokens, spectra or fields), micro-batches
of a step on each of two ranks, and directory of data, with commas between. One process takes what both ranks have in a
step, one micro-batch after the other. Runs are called SYSTEM-MICROBATCHES.
"""

import os
import sys
from itertools import islice
from pathlib import Path
from unittest import mock

import torch

from foundation.config import DataConfig, ModelConfig, OptimConfig
from foundation.data.module import FoundationDataModule
from foundation.data.steps import InSteps
from foundation.masking.budget import RandomBudget
from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.transformer import FieldTransformer
from foundation.model.spectra.config import SpectraConfig
from foundation.model.spectra.transformer import SpectralTransformer
from foundation.model.transformer import FoundationTransformer
from foundation.tokenizers.native import NativeConfig
from foundation.training.fields.config import FieldDataConfig, FieldSet
from foundation.training.fields.data import FieldDataModule
from foundation.training.fields.module import FieldModule
from foundation.training.module import PretrainingModule
from foundation.training.quiet import quiet
from foundation.training.run import EXPECTED
from foundation.training.spectra.config import SpectraDataConfig
from foundation.training.spectra.data import SpectraDataModule
from foundation.training.spectra.module import SpectraModule
from foundation.training.spectra.objective import FillSpans
from foundation.training.trainer import TrainerConfig, build_trainer

RANKS = 2


def tokens(data, accumulate, steps):
    config = DataConfig(data / "train", None, (), tokens_per_batch=200, window=32, workers=0)
    stream = FoundationDataModule(config, RandomBudget(given=6, asked=4), 0, steps * accumulate)
    model = FoundationTransformer(ModelConfig(width=32, depth=2, decoder_depth=1, heads=2), stream.spaces)
    return PretrainingModule(model, OptimConfig(peak_rate=5e-3), steps), stream


def spectra(data, accumulate, steps):
    config = SpectraDataConfig(data, None, (), patches_per_batch=60, members=2, workers=0)
    stream = SpectraDataModule(config, NativeConfig(patch=8), FillSpans(0.4, 0.03, 0.1), 0, steps * accumulate, 0)
    model = SpectralTransformer(SpectraConfig(patch=8, width=16, depth=2, decoder_depth=1, heads=2))
    return SpectraModule(model, OptimConfig(peak_rate=3e-3), steps), stream


def fields(data, accumulate, steps):
    sizes = {"width": 16, "depth": 2, "heads": 2, "hidden": 16, "inner": 4, "frequencies": 1, "tokens": (4, 4, 4)}
    config = FieldModelConfig(**sizes, dimensions=(2,))
    sets = {name: FieldSet(data / f"{name}.hdf5") for name in ("one", "other")}
    stream = FieldDataModule(FieldDataConfig(sets, frames=(3, 2), workers=0), config, 0, steps, accumulate)
    model = FieldTransformer(config, stream.names)
    return FieldModule(model, OptimConfig(peak_rate=3e-3), steps, tuple(sets)), stream


class Both:
    """The micro-batches of all ranks, step by step."""

    def __init__(self, loaders, accumulate):
        self.loaders, self.accumulate = loaders, accumulate

    place = None

    def __len__(self):
        return sum(map(len, self.loaders))

    def __iter__(self):
        running = [iter(loader) for loader in self.loaders]
        for _ in range(len(self.loaders[0]) // self.accumulate):
            for own in running:
                yield from islice(own, self.accumulate)

    def samples_at(self, place):
        raise NotImplementedError

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        raise NotImplementedError


def of_both_ranks(stream, accumulate):
    """Let the data module of one process give what two would have."""

    def train_dataloader():
        loaders = []
        for rank in range(RANKS):
            with mock.patch.object(type(stream), "place", (rank, RANKS)):
                loaders.append(type(stream).train_dataloader(stream).loader)
        return InSteps(Both(loaders, accumulate), RANKS * accumulate)

    stream.train_dataloader = train_dataloader


def train(way, steps, out, system, accumulate, data):
    torch.manual_seed(0)
    module, stream = {"tokens": tokens, "spectra": spectra, "fields": fields}[system](Path(data), accumulate, steps)
    if "WORLD_SIZE" not in os.environ:
        of_both_ranks(stream, accumulate)
        accumulate *= RANKS
    config = TrainerConfig(
        max_steps=steps, accelerator="cpu", strategy=way, accumulate=accumulate, timeout=120, log_every=1,
        checkpoint_every=steps, tensorboard=False,
    )  # fmt: skip
    with quiet(EXPECTED):
        build_trainer(config, module.optim, out, validates=False).fit(module, stream)


if __name__ == "__main__":
    torch.set_num_threads(1)
    way, steps, out, *runs = sys.argv[1:]
    for run in runs:
        system, accumulate, data = run.split(",")
        train(way, int(steps), Path(out) / f"{system}-{accumulate}", system, int(accumulate), data)
