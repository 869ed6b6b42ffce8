"""Marches a state from frame to frame, in as few equal steps as stay stable."""

from collections.abc import Callable, Iterator
from math import ceil

import numpy as np

from foundation.errors import FoundationError

State = np.ndarray


def march(
    state: State,
    frames: int,
    cadence: float,
    stable: Callable[[State], float],
    step: Callable[[State, float], State],
) -> Iterator[State]:
    """Yield the state at times 0, cadence, 2 cadence, ...

    Args:
        state: at time 0.
        frames: how many states to yield.
        cadence: time between them.
        stable: the longest step that may be taken from a state.
        step: the state a time later.

    Raises:
        FoundationError: the simulation became unstable.
    """
    yield state
    for frame in range(1, frames):
        left = cadence
        while left > 0:
            steps = ceil(left / stable(state))
            state = step(state, left / steps)
            left -= left / steps
        if not np.isfinite(state).all():
            raise FoundationError(f"the simulation became unstable before frame {frame}; take a finer grid.")
        yield state
