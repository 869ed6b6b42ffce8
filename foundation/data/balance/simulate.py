"""simulate: what a policy would leave idle, from costs alone, without a machine."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from foundation.data.balance.draw import normalised
from foundation.data.balance.policy import Policy
from foundation.data.balance.world import World

_DRAW, _JITTER = range(2)  # what a seed is for
AT_ONCE = 1024  # steps simulated together


@dataclass(frozen=True, eq=False)
class Forecast:
    """Imbalance of simulated steps: time of the step over the mean busy time of a rank, minus 1.

    Args:
        imbalance: float64 [steps].
        counts: int64 [sets], micro-batches that each set got in all.
    """

    imbalance: np.ndarray
    counts: np.ndarray

    @property
    def utilisation(self) -> float:
        """Busy time over the time that the ranks are held, mean over the steps."""
        return float(np.mean(1 / (1 + self.imbalance)))

    @property
    def idle(self) -> float:
        """Fraction of the ranks' time spent waiting."""
        return 1 - self.utilisation

    @property
    def p95(self) -> float:
        """The imbalance that 95 % of the steps stay below."""
        return float(np.percentile(self.imbalance, 95))


def imbalance(seconds: Float[np.ndarray, "steps groups accumulate group"]) -> Float[np.ndarray, "steps"]:
    """Time of each step over the mean busy time of its ranks, minus 1; a group waits in every micro-step."""
    slowest = seconds.max(3).sum(2).max(1)
    return slowest / seconds.sum(2).mean((1, 2)) - 1


def forecast(
    policy: Policy,
    world: World,
    shares: Float[np.ndarray, "sets"],
    costs: Float[np.ndarray, "sets"],
    steps: int = 1000,
    jitter: float = 0.0,
    seed: int = 0,
) -> Forecast:
    """Simulate `steps` steps.

    Args:
        policy: who computes what.
        world: who waits for whom.
        shares: wanted share of each set in the micro-batches, in any unit.
        costs: time of one micro-batch of each set, in any unit.
        steps: optimiser steps.
        jitter: sigma of the log of each micro-batch's time on its rank, which no plan can know.
        seed: of the draws and the jitter.
    """
    shares, found, counts = normalised(shares), [], np.zeros(len(costs), dtype=np.int64)
    for first in range(0, steps, AT_ONCE):
        some = min(AT_ONCE, steps - first)
        drawn = policy.drawn(shares, world, some, np.random.default_rng((seed, _DRAW, first)))
        sets = policy.arranged(drawn, costs, world)
        noise = np.random.default_rng((seed, _JITTER, first)).standard_normal(sets.shape) if jitter else 0.0
        found.append(imbalance(costs[sets] * np.exp(jitter * noise)))
        counts += np.bincount(sets.ravel(), minlength=len(costs))
    return Forecast(np.concatenate(found), counts)
