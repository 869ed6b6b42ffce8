"""waiting: processes that carry out a plan and wait for each other at real collectives; their work is to sleep."""

import json
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import distributed
from torch.multiprocessing.spawn import spawn

from foundation.data.balance.calibration import Calibration
from foundation.data.balance.plan import Planner
from foundation.data.balance.world import World

AGREE_EVERY = 4  # steps between two snapshots of the costs


@dataclass(frozen=True)
class Load:
    """Data sets that cost time.

    Args:
        work: (tokens, pairs, bytes) of a micro-batch of each set.
        seconds: what it takes.
        windows: of each set.
    """

    work: tuple[tuple[float, float, float], ...]
    seconds: tuple[float, ...]
    windows: tuple[int, ...]


@dataclass(frozen=True)
class Waited:
    """What a rank did.

    Args:
        busy: seconds at work.
        idle: seconds at collectives, waiting and communicating.
        read: [steps][micro-steps] of (data set, window).
        costs: what the last snapshot said of each data set.
    """

    busy: float
    idle: float
    read: list[list[tuple[int, int]]]
    costs: list[float]


def run(policy: str, load: Load, world: World, steps: int, seed: int = 0) -> list[Waited]:
    """Train nothing for some steps on real processes, one a rank, with the costs learned on the way.

    Args:
        policy: who computes what.
        load: the data sets.
        world: who waits for whom; groups of one rank meet after the step, others in every micro-step.
        steps: optimiser steps.
        seed: of the plans.

    Returns:
        What each rank did.
    """
    with tempfile.TemporaryDirectory() as folder:
        arguments = (policy, load, world, steps, seed, folder)
        spawn(_rank, arguments, nprocs=world.ranks)
        saved = [json.loads(Path(folder, f"{rank}.json").read_text()) for rank in range(world.ranks)]
    return [Waited(**s | {"read": [[(i, w) for i, w in step] for step in s["read"]]}) for s in saved]


def idle_fraction(waited: list[Waited]) -> float:
    """Time at collectives over all time, of all ranks."""
    idle = sum(w.idle for w in waited)
    return idle / (idle + sum(w.busy for w in waited))


def idle_of(seconds: Float[np.ndarray, "steps ranks"]) -> float:
    """Idle fraction of real processes, one a rank, that meet after each step, if their steps take so long."""
    with tempfile.TemporaryDirectory() as folder:
        spawn(_timed, (seconds, folder), nprocs=seconds.shape[1])
        saved = [json.loads(Path(folder, f"{rank}.json").read_text()) for rank in range(seconds.shape[1])]
    return idle_fraction([Waited(**s) for s in saved])


def _timed(rank: int, seconds: Float[np.ndarray, "steps ranks"], folder: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=seconds.shape[1])
    _meet()
    turns = [(_work(float(step[rank])), _meet()) for step in seconds]
    busy, idle = np.sum(turns, axis=0).tolist()
    Path(folder, f"{rank}.json").write_text(json.dumps({"busy": busy, "idle": idle, "read": [], "costs": []}))
    distributed.destroy_process_group()


def _rank(rank: int, policy: str, load: Load, world: World, steps: int, seed: int, folder: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=world.ranks)
    waited = _carry_out(rank, Planner(np.ones(len(load.windows)), load.windows, world, policy, seed), load, steps)
    Path(folder, f"{rank}.json").write_text(json.dumps(asdict(waited)))
    distributed.destroy_process_group()


def _carry_out(rank: int, planner: Planner, load: Load, steps: int) -> Waited:
    calibration, work = Calibration(), np.array(load.work)
    busy, idle, read = 0.0, 0.0, []
    _meet()
    for step in range(steps):
        if step % AGREE_EVERY == 0:
            calibration.agree()
        batches = planner(step, calibration.model(work)).of(rank)
        for left, (source, _) in zip(reversed(range(len(batches))), batches, strict=True):
            took = _work(load.seconds[source])
            calibration.add(*load.work[source], took)
            busy += took
            if planner.world.group > 1 or not left:
                idle += _meet()
        read.append(batches)
    return Waited(busy, idle, read, calibration.agree()(work).tolist())


def _work(seconds: float) -> float:
    start = time.perf_counter()
    time.sleep(seconds)
    return time.perf_counter() - start


def _meet() -> float:
    start = time.perf_counter()
    distributed.all_reduce(torch.ones(1))
    return time.perf_counter() - start
