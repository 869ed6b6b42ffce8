"""The `plan spectra` verb: what `foundation spectra train` would take."""

from dataclasses import replace
from functools import partial
from typing import Any

from foundation.data.shards import RecordShards
from foundation.model.spectra.config import SpectraConfig
from foundation.model.spectra.pretrained import SpectralModel
from foundation.plan.command import verb
from foundation.plan.job import Job
from foundation.training.spectra.config import SpectraDataConfig
from foundation.training.spectra.data import SpectraMix
from foundation.training.spectra.module import SpectraModule
from foundation.training.spectra.train import train

BATCHES = 4  # read for an idea of the micro-batches
PROBE = 1024  # patches of the micro-batch that is run


def job(options: dict[str, Any]) -> Job:
    """The job of `foundation spectra train` with these options."""
    data = options["data"]
    shards = RecordShards(data.train)
    batches = _mix(shards, data, options)
    small = replace(data, patches_per_batch=min(PROBE, data.patches_per_batch))
    probe = _mix(shards, small, options)[0]
    source = f"{BATCHES} micro-batches of {shards.path}"
    depths = ("depth", "decoder_depth")
    build = partial(_build, options)
    return Job(options["model"], depths, build, [batches[i] for i in range(BATCHES)], probe, options["trainer"], source)


def _mix(shards: RecordShards, data: SpectraDataConfig, options: dict[str, Any]) -> SpectraMix:
    return SpectraMix(shards, data, options["cut"], options["objective"].policy, options["seed"])


def _build(options: dict[str, Any], model: SpectraConfig) -> SpectraModule:
    network = SpectralModel(model, options["cut"])
    return SpectraModule(network, options["optim"], options["trainer"].max_steps, options["objective"])


plan = verb(train, job)
