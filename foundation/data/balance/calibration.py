"""calibration: costs learned while training, as snapshots that are the same on every rank."""

from collections import deque
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import distributed

from foundation.data.balance.cost import CostModel, fit

KEPT = 512  # latest measurements of a rank; older ones are of another state of the machine


class Calibration:
    """Measured times of this rank, and the cost model that all ranks agreed on last.

    Measure the time from the start of a micro-batch to its first collective; what comes after is waiting.

    Args:
        model: to plan with before anything is measured.
    """

    def __init__(self, model: CostModel | None = None) -> None:
        self.model = model or CostModel()
        self._measured: deque[tuple[float, float, float, float]] = deque(maxlen=KEPT)

    def add(self, tokens: float, pairs: float, bytes_moved: float, seconds: float) -> None:
        """Note one micro-batch of this rank."""
        self._measured.append((tokens, pairs, bytes_moved, seconds))

    def agree(self) -> CostModel:
        """Fit to what all ranks measured; all of them must call it at the same step, and all get the same model.

        The first rank fits and the others take its result, as unlike machines may round differently.
        """
        rows = np.array([row for rank in _gathered(list(self._measured)) for row in rank])
        if len(rows):
            model = fit(rows[:, :3], rows[:, 3], self.model.version + 1)
            self.model = _of_first_rank(model)
        return self.model

    def state_dict(self) -> dict[str, Any]:
        """The model agreed on; measurements are made anew after a restart."""
        return {"model": asdict(self.model)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the model that was saved."""
        self.model = CostModel(**state["model"])


def relative_error(
    model: CostModel, work: Float[np.ndarray, "n 3"], seconds: Float[np.ndarray, "n"]
) -> Float[np.ndarray, "n"]:
    """|predicted / measured - 1| of each micro-batch; its 95th percentile says how far a plan can be believed."""
    return np.abs(model(work) / seconds - 1)


def _gathered(own: object) -> list[Any]:
    if not distributed.is_available() or not distributed.is_initialized():
        return [own]
    found: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(found, own)
    return found


def _of_first_rank(model: CostModel) -> CostModel:
    if not distributed.is_available() or not distributed.is_initialized():
        return model
    holder = [model]
    distributed.broadcast_object_list(holder)
    return holder[0]
