"""forecast: how long a step takes on so many GPUs, and the whole run, from counted work and assumed rates."""

import math
from dataclasses import dataclass, replace

from foundation.plan.cluster import Cluster
from foundation.plan.demand import FLOAT32, Demand
from foundation.plan.memory import memory
from foundation.training.trainer import TrainerConfig

BACKWARD = 2 / 3  # of the operations of a step
PER_BATCH = ("activations", "tokens", "samples", "flops", "batch_bytes")  # of a demand, in proportion to its size
VOLUME = {"ddp": 2.0, "zero1": 2.0, "zero2": 2.0, "zero3": 3.0, "fsdp": 3.0}  # float32 parameters sent and received


@dataclass(frozen=True)
class Forecast:
    """One row of a plan.

    Args:
        strategy: how states are dealt out.
        gpus: how many.
        memory: bytes on each.
        fits: whether they have that.
        compute: seconds of a step at the assumed MFU.
        travel: seconds that gradients or weights travel in a step.
        step: seconds of a step, with what of the travel cannot overlap.
        mfu: useful share of the peak after that.
        tokens: elements in a step.
        flops: useful operations of the whole run on all GPUs.
        hours: of the run.
        samples_per_second: that the loaders of each rank must deliver.
        bytes_per_second: the same, in bytes of finished micro-batches.
    """

    strategy: str
    gpus: int
    memory: float
    fits: bool
    compute: float
    travel: float
    step: float
    mfu: float
    tokens: float
    flops: float
    hours: float
    samples_per_second: float
    bytes_per_second: float


def forecast(
    demand: Demand, trainer: TrainerConfig, cluster: Cluster, strategy: str, gpus: int, samples: float = 0.0
) -> Forecast:
    """What a step and the run take.

    Args:
        demand: of a micro-batch of the config.
        trainer: of the config.
        cluster: rates.
        strategy: one of those of `memory`.
        gpus: how many.
        samples: in a step on all GPUs; each gets its share, in as many micro-batches as the config's size asks for.
            0 = every GPU gets what the config says, so that the step grows with the number of GPUs.
    """
    if samples:
        demand, accumulate = _shared(demand, samples / gpus)
        trainer = replace(trainer, accumulate=accumulate)
    peak = cluster.peak(trainer.precision)
    work = demand.flops * trainer.accumulate
    compute = work * (4 / 3 if trainer.recompute else 1.0) / (peak * cluster.mfu)
    travel = _travel(demand, cluster, strategy, gpus, trainer.accumulate)
    hidden = cluster.overlap * BACKWARD * compute
    step = compute + max(0.0, travel - hidden)
    needed = memory(demand, strategy, gpus).total
    return Forecast(
        strategy,
        gpus,
        needed,
        needed <= cluster.memory,
        compute,
        travel,
        step,
        work / (peak * step),
        demand.tokens * trainer.accumulate * gpus,
        work * gpus * trainer.max_steps,
        step * trainer.max_steps / 3600,
        demand.samples * trainer.accumulate / step,
        demand.batch_bytes * trainer.accumulate / step,
    )


def _shared(demand: Demand, samples: float) -> tuple[Demand, int]:
    """Micro-batches for so many samples on one GPU, none larger than that of the config, and how many they are."""
    accumulate = math.ceil(samples / demand.samples)
    part = samples / accumulate / demand.samples
    scaled = {name: part * getattr(demand, name) for name in PER_BATCH}
    return replace(demand, **scaled), accumulate


def _travel(demand: Demand, cluster: Cluster, strategy: str, gpus: int, accumulate: int) -> float:
    """Of a ring: each GPU sends (n - 1) / n of the volume. Dealt-out weights are gathered in every micro-batch."""
    gathers = accumulate if strategy in ("zero3", "fsdp") else 1
    volume = VOLUME[strategy] * FLOAT32 * demand.parameters * gathers
    return volume * (gpus - 1) / gpus / cluster.bandwidth(gpus)
