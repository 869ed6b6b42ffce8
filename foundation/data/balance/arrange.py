"""arrange: which rank computes which of the slots that were drawn, for many steps at once."""

import numpy as np
from jaxtyping import Float, Int

from foundation.data.balance.world import World

Order = Int[np.ndarray, "steps groups accumulate group"]


def as_drawn(costs: Float[np.ndarray, "steps slots"], world: World) -> Order:
    """Slots in the order drawn, whatever they cost."""
    shape = (len(costs), world.groups, world.accumulate, world.group)
    return np.broadcast_to(np.arange(world.slots).reshape(shape[1:]), shape)


def longest_first(costs: Float[np.ndarray, "steps slots"], world: World) -> Order:
    """Cut the slots, sorted by cost, into chunks of one micro-step of a group, and deal the chunks to the groups.

    The dearest chunk goes first, each to the group with the least to do that has a micro-step left (longest
    processing time first; Graham 1969, SIAM J. Appl. Math. 17, 416). Ranks of a chunk wait for each other, hence
    alike costs in a chunk; micro-steps of a group then stand in the order drawn, not by cost.

    Returns:
        For every step, group, micro-step and rank of the group, the index of its slot.
    """
    steps, chunks = len(costs), world.groups * world.accumulate
    slots = np.argsort(-costs, axis=1, kind="stable").reshape(steps, chunks, world.group)
    chunk_cost = np.take_along_axis(costs, slots[:, :, 0], axis=1)
    owner = _owners(chunk_cost, world)
    by_owner = np.lexsort((slots[:, :, 0], owner), axis=1)
    shape = (steps, world.groups, world.accumulate, world.group)
    return np.take_along_axis(slots, by_owner[:, :, None], axis=1).reshape(shape)


def _owners(cost: Float[np.ndarray, "steps chunks"], world: World) -> Int[np.ndarray, "steps chunks"]:
    """The group of each chunk; chunks come dearest first."""
    steps = np.arange(len(cost))
    load = np.zeros((len(cost), world.groups))
    room = np.full(load.shape, world.accumulate)
    owner = np.empty(cost.shape, dtype=np.int64)
    for chunk in range(cost.shape[1]):
        group = np.where(room > 0, load, np.inf).argmin(1)
        owner[:, chunk] = group
        load[steps, group] += cost[:, chunk]
        room[steps, group] -= 1
    return owner
