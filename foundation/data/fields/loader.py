"""FieldLoader: micro-batches of a mix in turn, with a position that can be saved and resumed exactly."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch.utils.data import DataLoader

from foundation.data.fields.batch import FieldBatch
from foundation.data.fields.mix import FieldMix
from foundation.data.resume import check_resumable

VERSION = 2  # of the saved state


class FieldLoader:
    """The `batches` micro-batches of a run for one rank; all ranks are at the same place at the same time.

    Args:
        mix: of this rank.
        batches: micro-batches of the run.
        workers: processes that read ahead; what is read does not depend on it.
    """

    def __init__(self, mix: FieldMix, batches: int, workers: int = 0) -> None:
        self.mix, self.batches, self.workers = mix, batches, workers
        self._done = 0

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[FieldBatch]:
        own_randomness = torch.Generator()  # else DataLoader draws from the global one, and a resumed run would differ
        loader = DataLoader(
            self.mix,
            batch_size=None,
            sampler=map(self.mix.planned, range(self._done, self.batches)),
            num_workers=self.workers,
            generator=own_randomness,
        )
        for batch in loader:
            self._done += 1
            yield batch

    def state_dict(self) -> dict[str, Any]:
        """The position, what it refers to, and the costs that the next steps are planned with."""
        return {"done": self._done, **self.mix.costs.state_dict(), **self._identity}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to the saved position.

        Raises:
            FoundationError: the state is of another version, number of ranks, seed, mix of data or policy.
        """
        check_resumable(state, self._identity)
        self._done = state["done"]
        self.mix.costs.load_state_dict(state)

    @property
    def _identity(self) -> dict[str, Any]:
        return {"version": VERSION, "ranks": self.mix.world.ranks, **self.mix.identity}
