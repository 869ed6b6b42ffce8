"""RevisedCosts: what each data set is believed to cost from which step on, the same on every rank."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from foundation.errors import FoundationError


class RevisedCosts:
    """Costs that change at known steps; whoever reads ahead asks for the step he reads, not for the latest.

    Args:
        first: of a micro-batch of each data set until it is revised, in any unit.
    """

    def __init__(self, first: Float[np.ndarray, "sets"]) -> None:
        self._from = [(0, np.asarray(first, np.float64))]

    def at(self, step: int) -> Float[np.ndarray, "sets"]:
        """What a step is planned with."""
        return next(costs for begin, costs in reversed(self._from) if begin <= step)

    def revise(self, step: int, costs: Float[np.ndarray, "sets"]) -> None:
        """Plan with these from `step` on; what held before the one now in force is forgotten.

        Raises:
            FoundationError: the step lies before the last revision.
        """
        if step < self._from[-1][0]:
            raise FoundationError(f"costs are known from step {self._from[-1][0]} on; they cannot change at {step}.")
        self._from = [*self._from[-1:], (step, np.asarray(costs, np.float64))]

    def state_dict(self) -> dict[str, Any]:
        """All that is still needed, as plain values."""
        return {"costs": [(step, costs.tolist()) for step, costs in self._from]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up what was saved."""
        self._from = [(int(step), np.array(costs, np.float64)) for step, costs in state["costs"]]
