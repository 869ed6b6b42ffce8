"""AnchoredLoader: micro-batches of drawn examples in turn, with a position that can be saved and resumed exactly."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from foundation.data.biology.draws import ClusterDraws
from foundation.data.resume import check_resumable
from foundation.model.anchored.batch import AnchoredBatch
from foundation.training.anchored.examples import Examples, RecoveryBatch

VERSION = 1  # of the saved state
Batch = AnchoredBatch | RecoveryBatch


class AnchoredMix(Dataset[Batch]):
    """`mix[i]` is micro-batch i of a rank, for any i.

    Args:
        examples: what is drawn.
        draws: in which order.
        size: draws of a micro-batch.
        rank, ranks: of this process, and of all.
    """

    def __init__(self, examples: Examples, draws: ClusterDraws, size: int, rank: int = 0, ranks: int = 1) -> None:
        self.examples, self.draws, self.size, self.rank, self.ranks = examples, draws, size, rank, ranks

    def __getitem__(self, index: int) -> Batch:
        first = (index * self.ranks + self.rank) * self.size
        return self.examples.batch([self.draws[first + i] for i in range(self.size)])

    @property
    def fingerprint(self) -> str:
        """Twelve hex digits: the examples, their clusters and proteins."""
        content = [self.examples.names(), [m.tolist() for m in self.draws.members], self.draws.each, self.size]
        content.append([target.letters for target in self.examples.targets()])
        return hashlib.sha256(repr(content).encode()).hexdigest()[:12]


class AnchoredLoader:
    """Micro-batches of a run, or of a validation, for one rank; all ranks are at the same place at the same time.

    Args:
        mix: of this rank.
        batches: micro-batches.
        workers: processes that read ahead; what is read does not depend on it.
    """

    def __init__(self, mix: AnchoredMix, batches: int, workers: int = 0) -> None:
        self.mix, self.batches, self.workers = mix, batches, workers
        self._done = 0

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[Batch]:
        own_randomness = torch.Generator()  # else DataLoader draws from the global one, and a resumed run would differ
        order = range(self._done, self.batches)
        loader = DataLoader(self.mix, None, sampler=order, num_workers=self.workers, generator=own_randomness)
        for batch in loader:
            self._done += 1
            yield batch

    def state_dict(self) -> dict[str, Any]:
        """The position, and what it refers to."""
        return {"done": self._done, **self._identity}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to the saved position.

        Raises:
            FoundationError: the state is of another version, number of ranks, seed or other examples.
        """
        check_resumable(state, self._identity)
        self._done = state["done"]

    @property
    def _identity(self) -> dict[str, Any]:
        mix = self.mix
        return {"version": VERSION, "ranks": mix.ranks, "seed": mix.draws.seed, "data": mix.fingerprint}
