"""plan: the micro-batches of every rank in a step, the same on all ranks without a word between them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from foundation.data.balance.draw import normalised
from foundation.data.balance.policy import policy
from foundation.data.balance.windows import check_apart, window_of
from foundation.data.balance.world import World
from foundation.errors import FoundationError

ROUND = 256  # steps drawn together; their counts differ from the shares by less than one micro-batch in all
_DRAW = 0  # what a seed is for


@dataclass(frozen=True, eq=False)
class Plan:
    """The micro-batches of one optimiser step.

    Args:
        source: int64 [groups, accumulate, group], index of the data set.
        window: int64 of the same shape, index of the window in that set.
    """

    source: np.ndarray
    window: np.ndarray

    def of(self, rank: int) -> list[tuple[int, int]]:
        """(data set, window) of each micro-step of a rank."""
        group, place = divmod(rank, self.source.shape[2])
        return list(zip(self.source[group, :, place].tolist(), self.window[group, :, place].tolist(), strict=True))


class Planner:
    """Plans of a run: pure in (seed, step, world, costs), so that any rank can make any of them at any time.

    The cost snapshot must be the same on all ranks, as `foundation.data.balance.calibration` gives it. What is read
    in a step does not depend on costs; only who reads it does.

    Args:
        shares: wanted share of each data set in the micro-batches, in any unit.
        windows: how many windows each set has.
        world: who waits for whom; another world draws other sets, with the same shares.
        name: of the policy.
        seed: of the run.

    Raises:
        FoundationError: no such policy, a share that is not positive, or lists of unequal length.
    """

    def __init__(
        self,
        shares: Float[np.ndarray, "sets"],
        windows: Sequence[int],
        world: World,
        name: str = "sorted",
        seed: int = 0,
    ) -> None:
        if len(shares) != len(windows):
            raise FoundationError(f"Got {len(shares)} shares and {len(windows)} numbers of windows. Give one per set.")
        self.shares, self.windows = normalised(shares), tuple(windows)
        self.world, self.policy, self.seed = world, policy(name), seed
        self._taken = [np.zeros(len(shares), dtype=np.int64)]  # micro-batches of each set before each round
        self._earlier = np.zeros(len(shares), dtype=np.int64)  # what an earlier plan took beyond what this one counts
        self._held: tuple[int, np.ndarray] | None = None

    def __call__(self, step: int, costs: Float[np.ndarray, "sets"]) -> Plan:
        """The plan of a step.

        Args:
            step: from 0.
            costs: what a micro-batch of each set is believed to cost, in any unit.

        Raises:
            FoundationError: costs that do not fit the sets, or a set with too few windows for a step.
        """
        if len(costs) != len(self.shares) or not (np.isfinite(costs).all() and (costs > 0).all()):
            raise FoundationError(
                f"Wanted {len(self.shares)} positive costs, one per data set, got {np.asarray(costs).tolist()}. "
                "Measure them, or give relative ones."
            )
        number, place = divmod(step, ROUND)
        drawn = self._round(number)
        source = self.policy.arranged(drawn[place : place + 1], costs, self.world)[0]
        return Plan(source, self._window(source, self.taken(step)))

    def taken(self, step: int) -> Int[np.ndarray, "sets"]:
        """Micro-batches of each set that all ranks took in the steps before this one."""
        number, place = divmod(step, ROUND)
        return self._earlier + self._before(number) + self._counts(self._round(number)[:place])

    def follow(self, step: int, taken: Int[np.ndarray, "sets"]) -> None:
        """Go on from a step before which ranks of any number took so many: passes over the sets are not broken."""
        self._earlier += taken - self.taken(step)

    def _window(
        self, source: Int[np.ndarray, "groups accumulate group"], before: Int[np.ndarray, "sets"]
    ) -> np.ndarray:
        flat = source.ravel()
        window = np.empty_like(flat)
        most = self.policy.most(self.shares, self.world)
        for i in np.unique(flat):
            here = flat == i
            visit = before[i] + np.arange(here.sum())
            check_apart(self.windows[i], int(most[i]), int(i))
            window[here] = window_of(visit, self.windows[i], self.seed, int(i))
        return window.reshape(source.shape)

    def _round(self, number: int) -> Int[np.ndarray, "steps draws"]:
        if self._held is None or self._held[0] != number:
            rng = np.random.default_rng((self.seed, _DRAW, number))
            self._held = number, self.policy.drawn(self.shares, self.world, ROUND, rng)
        return self._held[1]

    def _before(self, number: int) -> Int[np.ndarray, "sets"]:
        while len(self._taken) <= number:
            self._taken.append(self._taken[-1] + self._counts(self._round(len(self._taken) - 1)))
        return self._taken[number]

    def _counts(self, drawn: Int[np.ndarray, "steps draws"]) -> Int[np.ndarray, "sets"]:
        ranks = self.world.slots // drawn.shape[1]
        return ranks * np.bincount(drawn.ravel(), minlength=len(self.shares))
