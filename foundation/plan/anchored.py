"""The `plan anchored` verb: what `foundation train anchored` would take."""

from functools import partial
from typing import Any

from foundation.model.anchored.config import AnchoredConfig
from foundation.model.anchored.transformer import AnchoredTransformer
from foundation.plan.command import verb
from foundation.plan.job import Job
from foundation.training.anchored.data import AnchoredDataModule
from foundation.training.anchored.module import AnchoredModule
from foundation.training.anchored.train import train

BATCHES = 8  # read for an idea of the micro-batches


def job(options: dict[str, Any]) -> Job:
    """The job of `foundation train anchored` with these options."""
    model, objective = options["model"], options["objective"]
    stream = AnchoredDataModule(options["data"], objective, model.factorisation, options["seed"], BATCHES)
    batches = [stream.mix[i] for i in range(BATCHES)]
    depths = ("protein_depth", "depth") if objective.kind == "sequence" else ("protein_depth",)
    source = f"{BATCHES} micro-batches of {options['data'].train}"
    return Job(model, depths, partial(_build, options), batches, batches[0], options["trainer"], source)


def _build(options: dict[str, Any], model: AnchoredConfig) -> AnchoredModule:
    return AnchoredModule(
        AnchoredTransformer(model), options["optim"], options["trainer"].max_steps, options["objective"]
    )


plan = verb(train, job)
