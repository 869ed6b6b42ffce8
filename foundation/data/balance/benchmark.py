"""Benchmark of balance: time that ranks wait for each other with planned and with random work."""

from typing import get_args

import numpy as np

from foundation.bench import Row
from foundation.data.balance.cost import CostModel
from foundation.data.balance.ragged import Packing, costs
from foundation.data.balance.share import share
from foundation.data.balance.waiting import Load, idle_fraction, idle_of, run
from foundation.data.balance.world import World

FLAT = ((1024, 30.5), (1056, 31.7), (1089, 32.7))  # tokens a frame, cost; 12 frames a micro-batch, as Walrus in 2D
DEEP = ((4096, 40.7), (4352, 44.0), (4913, 51.4))  # 3 frames a micro-batch, as Walrus in 3D
TIMES = (4, 4, 6, 1, 2, 2)  # data sets alike in cost
SECONDS = 1e-3  # a unit of cost: a micro-batch sleeps 30 to 51 ms, long beside what the scheduler takes
STEPS = 16


def rows() -> list[Row]:
    """Idle fraction of mixes and of ragged batches, on two gloo processes and on many simulated ranks."""
    mixes = [_waiting("sharded weights", World(2, 2, 4)), _waiting("whole weights", World(2, 1, 4))]
    return [*mixes, _ragged_waiting(), _ragged_ranks(), _ragged()]


def mix() -> Load:
    """The 19 data sets of Walrus, that much faster."""
    frames = [(12, *f) for f in FLAT] + [(3, *d) for d in DEEP]
    sets = [f for f, times in zip(frames, TIMES, strict=True) for _ in range(times)]
    work = tuple((float(n * tokens), float(n * tokens**2), 0.0) for n, tokens, _ in sets)
    return Load(work, tuple(SECONDS * cost for *_, cost in sets), (1000,) * len(sets))


def _waiting(weights: str, world: World) -> Row:
    turns = [idle_fraction(run(name, mix(), world, STEPS)) for name in ("random", "sorted", "sorted", "random")]
    naive, ours = (turns[0] + turns[3]) / 2, (turns[1] + turns[2]) / 2
    name = f"idle on 2 processes, {weights}: sorted, over random"
    return Row(name, naive, ours, ours / naive, "of the time", noise=turns[0] / turns[3])


def _ragged_waiting(steps: int = 100) -> Row:
    unit = 0.04 / costs("balanced", 2, steps).mean()  # a batch sleeps 40 ms, long beside what the scheduler takes
    turns = [idle_of(unit * costs(name, 2, steps)) for name in ("counted", "balanced", "balanced", "counted")]
    naive, ours = (turns[0] + turns[3]) / 2, (turns[1] + turns[2]) / 2
    name = "idle on 2 processes, ragged batches: by tokens, over by samples"
    return Row(name, naive, ours, ours / naive, "of the time", noise=turns[0] / turns[3])


def _ragged_ranks(ranks: int = 96, steps: int = 200) -> Row:
    a, b = (1 - float((c.mean(1) / c.max(1)).mean()) for c in (costs(n, ranks, steps) for n in get_args(Packing)))
    return Row(
        f"idle on {ranks} simulated ranks, ragged batches: by tokens, over by samples", a, b, b / a, "of the time"
    )


def _ragged(ranks: int = 64, each: int = 32, steps: int = 200) -> Row:
    """Samples of log-normal length; their cost grows with the pairs of an encoder of width 768."""
    rng, model, found = np.random.default_rng(0), CostModel(0.0, 1.0, 1 / (6 * 768)), []
    for _ in range(steps):
        length = np.clip(np.exp(rng.normal(6.2, 0.35, ranks * each)), 256, 900)
        cost = model(np.stack([length, length**2, 0 * length], 1))
        dealt = share(cost, ranks)
        loads = cost.reshape(ranks, each).sum(1), np.array([cost[items].sum() for items in dealt])
        found.append([load.max() / load.mean() - 1 for load in loads])
    a, b = np.percentile(found, 95, axis=0).tolist()
    return Row("p95 imbalance, 64 ranks, ragged samples: longest first, over random", a, b, b / a, "of the mean")
