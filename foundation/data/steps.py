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

    @property
    def place(self) -> Any:  # noqa: ANN401 - each loader has its own
        """Where what was handed out last is."""
        ...

    def samples_at(self, place: Any) -> list[str]:  # noqa: ANN401
        """Keys of the samples at such a place."""
        ...

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
        self.current: tuple[Batch, ...] = ()  # micro-batches of the step that is handed out
        self._places: list[Any] = []

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Micro[Batch]]:
        placed = ((batch, self.loader.place) for batch in self.loader)
        while step := tuple(islice(placed, self.accumulate)):
            self.current, self._places = tuple(batch for batch, _ in step), [place for _, place in step]
            yield Micro(self.current[0], self.current)
            yield from map(Micro, self.current[1:])

    def samples(self) -> list[str]:
        """Keys of the samples of the step that is handed out."""
        return [key for place in self._places for key in self.loader.samples_at(place)]

    def state_dict(self) -> dict[str, Any]:
        """The position between two steps."""
        return self.loader.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go there."""
        self.loader.load_state_dict(state)
