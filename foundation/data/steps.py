"""Micro-batches by optimiser step: the first comes with all of its step, so that what a step asks for is known."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

Batch = TypeVar("Batch")
Read = TypeVar("Read", covariant=True)


@runtime_checkable
class Resumable(Protocol[Read]):
    """A loader whose position can be saved."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Read]: ...

    def state_dict(self) -> dict[str, Any]:
        """The position after what was handed out."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go there."""
        ...


@dataclass(frozen=True, eq=False)
class Micro(Generic[Batch]):
    """A micro-batch.

    Args:
        batch: itself.
        step: with the first of a step, all of it on this rank; with the others none.
    """

    batch: Batch
    step: tuple[Batch, ...] = ()


class InSteps(Generic[Batch]):
    """Hands out the micro-batches of a loader, having read those of a step together.

    The saved position is right between steps, and only there.

    Args:
        loader: of the run.
        accumulate: micro-batches of a step.
    """

    def __init__(self, loader: Resumable[Batch], accumulate: int) -> None:
        self.loader, self.accumulate = loader, accumulate

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Micro[Batch]]:
        batches = iter(self.loader)
        while step := tuple(islice(batches, self.accumulate)):
            yield Micro(step[0], step)
            yield from map(Micro, step[1:])

    def state_dict(self) -> dict[str, Any]:
        """The position between two steps."""
        return self.loader.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go there."""
        self.loader.load_state_dict(state)
