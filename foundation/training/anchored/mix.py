"""AnchoredMix: micro-batches of drawn examples, each a function of its number."""

import hashlib
from collections.abc import Mapping
from typing import Any

from torch.utils.data import Dataset

from foundation.data.biology.draws import ClusterDraws
from foundation.model.anchored.batch import AnchoredBatch
from foundation.training.anchored.examples import Examples, RecoveryBatch

VERSION = 2  # of a saved position
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
        self._begin = 0, 0  # number of the first micro-batch of this many ranks, and the draws before it

    def __getitem__(self, index: int) -> Batch:
        first = self._drawn(index) + self.rank * self.size
        return self.examples.batch([self.draws[first + i] for i in range(self.size)])

    @property
    def fingerprint(self) -> str:
        """Twelve hex digits: the examples, their clusters and proteins."""
        content = [self.examples.names(), [m.tolist() for m in self.draws.members], self.draws.each, self.size]
        content.append([target.letters for target in self.examples.targets()])
        return hashlib.sha256(repr(content).encode()).hexdigest()[:12]

    @property
    def identity(self) -> dict[str, Any]:
        """What must be equal for a saved position to mean the same draws."""
        return {"version": VERSION, "seed": self.draws.seed, "data": self.fingerprint}

    def read_before(self, index: int) -> dict[str, int]:
        """Draws that all ranks took before micro-batch `index` of each."""
        return {"draws": self._drawn(index)}

    def go_on(self, index: int, read: Mapping[str, Any]) -> None:
        """Draw on after what another number of ranks may have drawn before micro-batch `index`."""
        self._begin = index, int(read["draws"])

    def _drawn(self, index: int) -> int:
        number, draws = self._begin
        return draws + (index - number) * self.ranks * self.size
