"""policy: a way to draw the slots of a step and a way to arrange them; all policies side by side."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from foundation.data.balance.arrange import as_drawn, longest_first
from foundation.data.balance.draw import independent, systematic
from foundation.data.balance.world import World
from foundation.errors import FoundationError

Draw = Callable[[np.ndarray, int, int, np.random.Generator], np.ndarray]
Arrange = Callable[[np.ndarray, World], np.ndarray]


@dataclass(frozen=True)
class Policy:
    """How the data sets of a step are chosen and who computes them.

    Args:
        title: for tables.
        draw: (shares, slots, steps, generator) -> data set of each slot.
        per: what one draw is for: a micro-step of a whole group, whose ranks then run the same modules and so may
            shard all of them, or of a single rank, whose set-specific modules must then be whole on every rank.
        arrange: (costs of the slots, world) -> slot of each group, micro-step and rank.
    """

    title: str
    draw: Draw
    per: Literal["group", "rank"]
    arrange: Arrange

    def drawn(
        self, shares: Float[np.ndarray, "sets"], world: World, steps: int, rng: np.random.Generator
    ) -> Int[np.ndarray, "steps draws"]:
        """The data set of every draw of some steps."""
        return self.draw(shares, self._seen(world).slots, steps, rng)

    def arranged(
        self, drawn: Int[np.ndarray, "steps draws"], costs: Float[np.ndarray, "sets"], world: World
    ) -> Int[np.ndarray, "steps groups accumulate group"]:
        """The data set of every micro-batch, given what each set is believed to cost."""
        order = self.arrange(costs[drawn], self._seen(world))
        sets = np.take_along_axis(drawn, order.reshape(len(drawn), -1), axis=1).reshape(order.shape)
        return np.broadcast_to(sets, (*sets.shape[:3], world.group))

    def most(self, shares: Float[np.ndarray, "sets"], world: World) -> Int[np.ndarray, "sets"]:
        """The most micro-batches that a set may get in one step."""
        seen = self._seen(world)
        bound = np.ceil(seen.slots * shares - 1e-9).astype(np.int64) if self.draw is systematic else seen.slots
        return np.broadcast_to(np.minimum(bound, seen.slots) * (world.ranks // seen.ranks), shares.shape)

    def _seen(self, world: World) -> World:
        """The world with one draw for each of its ranks."""
        return world if self.per == "rank" else replace(world, ranks=world.groups, group=1)


POLICIES: dict[str, Policy] = {
    "random": Policy("each rank draws for itself", independent, "rank", as_drawn),
    "paper": Policy("each group draws for itself (Walrus)", independent, "group", as_drawn),
    "grouped": Policy("systematic, one set a group, longest first", systematic, "group", longest_first),
    "sorted": Policy("systematic, ranks alike in cost, longest first", systematic, "rank", longest_first),
}


def policy(name: str) -> Policy:
    """The policy called `name`.

    Raises:
        FoundationError: there is none.
    """
    if name not in POLICIES:
        raise FoundationError(f"no policy {name!r}; there are {', '.join(POLICIES)}. Give one of them.")
    return POLICIES[name]
