"""The `plan fields` verb: what `foundation fields train` would take."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from foundation.data.fields.batch import AXES, FieldBatch
from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.transformer import FieldTransformer
from foundation.model.fields.unet import UNet
from foundation.model.fields.unet_config import UNetConfig
from foundation.plan.command import verb
from foundation.plan.job import Job
from foundation.training.fields.config import FieldDataConfig
from foundation.training.fields.data import FieldDataModule
from foundation.training.fields.module import FieldModule
from foundation.training.fields.train import train

FEWEST = 2  # frames that are shown
STEPS = 16  # of which the micro-batches are read


@dataclass(frozen=True)
class Grid:
    """A data set that need not be there.

    Args:
        space: points along each axis, two or three of them.
        channels: fields of the set.
        share: of the micro-batches, in any unit.
    """

    space: tuple[int, ...]
    channels: int
    share: int = 1


@dataclass(frozen=True)
class Assumed:
    """Data sets to plan with where there are no files.

    Args:
        fields: that the model knows.
        grids: the sets.
    """

    fields: int = 64
    grids: tuple[Grid, ...] = ()


def job(options: dict[str, Any]) -> Job:
    """The job of `foundation fields train` with these options."""
    data, assumed = options["data"], options["assume"]
    model = options["unet"] if options["network"] == "unet" else options["model"]
    if assumed.grids:
        names = tuple(f"field_{i}" for i in range(assumed.fields))
        batches = [_batch(grid, data, names) for grid in assumed.grids for _ in range(grid.share)]
        source = f"{len(assumed.grids)} kinds of data sets, as assumed"
    else:
        stream = FieldDataModule(data, model, options["seed"], STEPS, 1)
        names, batches = stream.names, [stream.mix[i] for i in range(STEPS)]
        source = f"{STEPS} micro-batches of {', '.join(data.sets)}"
    probe = _first_window(max(batches, key=lambda batch: batch.values.numel() / len(batch.values)))
    depths = () if isinstance(model, UNetConfig) else ("depth",)
    return Job(
        model, depths, partial(_build, options, names), batches, _first_window(probe), options["trainer"], source
    )


def _build(options: dict[str, Any], names: tuple[str, ...], model: FieldModelConfig | UNetConfig) -> FieldModule:
    network = UNet(model, names) if isinstance(model, UNetConfig) else FieldTransformer(model, names)
    sets = tuple(options["data"].sets)
    return FieldModule(network, options["optim"], options["trainer"].max_steps, sets, options["objective"])


def _batch(grid: Grid, data: FieldDataConfig, names: tuple[str, ...]) -> FieldBatch:
    solid = len(grid.space) == AXES
    windows, frames = data.windows[solid], data.frames[solid] + 1
    space = (*grid.space, *[1] * (AXES - len(grid.space)))
    values = torch.randn(windows, frames, grid.channels, *space)
    sides = torch.full((windows, AXES, 2), 2)  # periodic
    varies, valid = torch.ones(grid.channels, dtype=torch.bool), torch.ones(windows, *space, dtype=torch.bool)
    return FieldBatch(values, names[: grid.channels], sides, varies, valid, "assumed")


def _first_window(batch: FieldBatch) -> FieldBatch:
    """As few frames of it as a model can learn from."""
    return replace(batch, values=batch.values[:1, : FEWEST + 1], boundary=batch.boundary[:1], valid=batch.valid[:1])


plan = verb(train, job, Assumed, Assumed())
