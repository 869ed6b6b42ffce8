"""Loader: batches of a stream, one at a time, with a position that can be saved and resumed exactly on every rank."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from itertools import count
from typing import Any

import torch
from torch import distributed
from torch.utils.data import DataLoader, Dataset

from foundation.batch import TokenBatch
from foundation.data.dealing import Dealing
from foundation.data.resume import check_resumable
from foundation.data.stream import OrderedPass, TokenStream
from foundation.errors import FoundationError
from foundation.processes import end_with_parent

VERSION = 2  # of the saved state


class RankedLoader:
    """Batches of an endless stream; its state holds the position of every rank, in batches that were handed out.

    One pass yields `batches` batches, the whole run: a length tells Lightning not to fetch a batch ahead, which a
    resumed run would miss, and gives progress bars their total. Another pass goes on where the last one ended. Members
    that cannot be read are skipped and reported; ranks tell each other of theirs when the state is saved.

    Args:
        stream: of this rank.
        batches: micro-batches of the run.
        workers: processes that read ahead; the batches do not depend on it.
    """

    def __init__(self, stream: TokenStream, batches: int, workers: int = 0) -> None:
        self.stream, self.batches, self.workers = stream, batches, workers
        self.damage = stream.shards.damage
        self._window = self._batch = self._done = 0

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[TokenBatch]:
        if self._done >= self.batches:
            self._done = 0
        for window, faults in _windows(self.stream, count(self._window), self.workers):
            self.damage.note(faults)
            for batch in window[self._batch :]:
                self._batch += 1
                self._done += 1
                yield batch
                self.damage.check()  # other ranks may have told of theirs
                if self._done >= self.batches:
                    return
            self._window, self._batch = self._window + 1, 0

    @property
    def place(self) -> tuple[int, int]:
        """Window, and batch of it, that was handed out last."""
        return self._window, self._batch - 1

    def samples_at(self, place: tuple[int, int]) -> list[str]:
        """Keys of the samples of the batch at that place."""
        return self.stream.keys(*place)

    def state_dict(self) -> dict[str, Any]:
        """Positions of all ranks and what they refer to; every rank must call it, and every rank gets the same."""
        place = {"window": self._window, "batch": self._batch, "done": self._done}
        ranks = _of_all_ranks(place | {"unreadable": sorted(self.damage.known)})
        self.damage.learn(m for rank in ranks for m in rank["unreadable"])
        return {"version": VERSION, **self.stream.identity, "dealing": self.stream.dealing.plain(), "ranks": ranks}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to the saved position of this rank; with another number of ranks, share out what was not read yet.

        Raises:
            FoundationError: the state is of another version, seed, data set, policy or batch size.
        """
        if state.get("version") != VERSION:
            raise FoundationError(
                f"The saved data position has version {state.get('version')}, this program reads version {VERSION}. "
                "Resume with the version of foundation that saved it, or start a new run."
            )
        check_resumable(state, self.stream.identity)
        dealing, ranks = Dealing.restore(state["dealing"]), state["ranks"]
        if dealing.world == self.stream.world:
            own = ranks[self.stream.rank]
            self._window, self._batch, self._done = own["window"], own["batch"], own["done"]
        else:
            dealing = dealing.anew(self.stream.world, [(r["window"], r["batch"]) for r in ranks])
            self._window, self._batch, self._done = 0, 0, max(r["done"] for r in ranks)
        self.stream.dealing = dealing
        self.damage.learn(m for rank in ranks for m in rank["unreadable"])


class OrderedLoader:
    """Batches of an ordered pass: the same on every iteration, for any number of workers."""

    def __init__(self, ordered: OrderedPass, workers: int = 0) -> None:
        self.ordered, self.workers = ordered, workers
        self._count: int | None = None

    def __len__(self) -> int:
        if self._count is None:
            self._count = self.ordered.count()
        return self._count

    def __iter__(self) -> Iterator[TokenBatch]:
        for window, _ in _windows(self.ordered, range(len(self.ordered)), self.workers):
            yield from window


def _windows(
    source: TokenStream | OrderedPass, indices: Iterable[int], workers: int
) -> Iterator[tuple[list[TokenBatch], dict[int, str]]]:
    """The windows at `indices`, in that order, made ahead by `workers` processes; and what could not be read."""
    own_randomness = torch.Generator()  # else DataLoader draws from the global one, and a resumed run would differ
    loader = DataLoader(
        _Portable(source),
        batch_size=None,
        sampler=indices,
        num_workers=workers,
        worker_init_fn=end_with_parent,
        collate_fn=_unchanged,
        generator=own_randomness,
    )
    for made in loader:
        if isinstance(made, FoundationError):
            raise made
        window, faults = made
        yield [_from_arrays(arrays) for arrays in window], faults


class _Portable(Dataset):
    """Windows as numpy arrays: tensors would each hold a file descriptor open while they change process.

    An error the user can act on travels as itself; DataLoader would wrap it in another process's traceback.
    """

    def __init__(self, source: TokenStream | OrderedPass) -> None:
        self.source = source

    def __getitem__(self, window: int) -> tuple[list[dict[str, Any]], dict[int, str]] | FoundationError:
        try:
            return [_to_arrays(batch) for batch in self.source[window]], self.source.faults()
        except FoundationError as error:
            return error


def _to_arrays(batch: TokenBatch) -> dict[str, Any]:
    arrays = {f.name: getattr(batch, f.name).numpy() for f in fields(batch) if f.name != "vectors"}
    return arrays | {"vectors": {name: rows.numpy() for name, rows in batch.vectors.items()}}


def _from_arrays(arrays: Mapping[str, Any]) -> TokenBatch:
    vectors = {name: torch.from_numpy(rows) for name, rows in arrays["vectors"].items()}
    return TokenBatch(**{k: torch.from_numpy(v) for k, v in arrays.items() if k != "vectors"}, vectors=vectors)


def _unchanged(window: Any) -> Any:  # noqa: ANN401 - DataLoader's default would turn arrays into tensors
    return window


def _of_all_ranks(own: dict[str, Any]) -> list[dict[str, Any]]:
    if not distributed.is_available() or not distributed.is_initialized():
        return [own]
    ranks: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(ranks, own)
    return ranks
