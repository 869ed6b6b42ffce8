"""NumberedLoader: micro-batches that are a function of their number, in turn, with a position that resumes exactly."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import torch
from torch.utils.data import DataLoader, Dataset

from foundation.data.resume import check_resumable
from foundation.processes import end_with_parent

Batch = TypeVar("Batch")
Made = TypeVar("Made", covariant=True)


@runtime_checkable
class Numbered(Protocol[Made]):
    """A data set whose entry i is micro-batch i of this rank."""

    def __getitem__(self, index: Any, /) -> Made:  # noqa: ANN401 - a number, or a number and what it depends on
        """Micro-batch number `index`."""
        ...

    @property
    def identity(self) -> Mapping[str, Any]:
        """What must be equal for a saved position to mean anything."""
        ...

    def read_before(self, index: int, /) -> Mapping[str, Any]:
        """What all ranks read before micro-batch `index` of each, in plain values; nothing if draws are independent."""
        ...

    def go_on(self, index: int, read: Mapping[str, Any], /) -> None:
        """Let micro-batch `index` follow what was read, by however many ranks."""
        ...


class NumberedLoader(Generic[Batch]):
    """The micro-batches of a run for one rank; all ranks are at the same place at the same time.

    A length tells Lightning not to fetch a batch ahead, which a resumed run would miss.

    Args:
        mix: of this rank.
        batches: micro-batches of the run.
        workers: processes that read ahead; what is read does not depend on it.
    """

    def __init__(self, mix: Numbered[Batch], batches: int, workers: int = 0) -> None:
        self.mix, self.batches, self.workers = mix, batches, workers
        self._done = 0

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[Batch]:
        own_randomness = torch.Generator()  # else DataLoader draws from the global one, and a resumed run would differ
        loader = DataLoader(
            _as_dataset(self.mix),
            batch_size=None,
            sampler=self.keys(range(self._done, self.batches)),
            num_workers=self.workers,
            worker_init_fn=end_with_parent,
            generator=own_randomness,
        )
        for batch in loader:
            self._done += 1
            yield batch

    def keys(self, numbers: range) -> Iterable[Any]:
        """What to ask of the mix for micro-batches of these numbers."""
        return numbers

    @property
    def place(self) -> int:
        """Number of the micro-batch that was handed out last."""
        return self._done - 1

    def samples_at(self, place: int) -> list[str]:
        """What tells that micro-batch from all others of this rank."""
        return [f"micro-batch {place}"]

    def state_dict(self) -> dict[str, Any]:
        """The position, what was read before it, and what both refer to."""
        return {"done": self._done, "read": dict(self.mix.read_before(self._done)), **self.mix.identity}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to the saved position, with any number of ranks.

        Raises:
            FoundationError: the state is of another version, seed or data.
        """
        check_resumable(state, self.mix.identity)
        self._done = state["done"]
        self.mix.go_on(self._done, state["read"])


def _as_dataset(mix: Numbered[Batch]) -> Dataset[Batch]:
    return mix  # pyright: ignore[reportReturnType] - what DataLoader asks of one is `__getitem__`
