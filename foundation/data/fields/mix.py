"""FieldMix: the micro-batches of one rank over several data sets, each a pure function of its number in the run."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from torch.utils.data import Dataset

from foundation.data.balance.plan import Planner
from foundation.data.balance.revised import RevisedCosts
from foundation.data.balance.world import World
from foundation.data.fields.batch import FieldBatch
from foundation.data.fields.windows import FieldWindows, evenly_spaced
from foundation.errors import FoundationError

VERSION = 3  # of a saved position
_BUNDLES = 7  # what a seed is for; the planner has its own


@dataclass(frozen=True, eq=False)
class Source:
    """Windows of one data set, several at a time.

    Args:
        name: of the set.
        windows: all of them.
        together: windows of a micro-batch.
        share: of the micro-batches, in any unit.
        cost: of a micro-batch before any is timed, in any unit that all sources use.
        work: (tokens, pairs of tokens, bytes) of a micro-batch, by which measured times are explained.
    """

    name: str
    windows: FieldWindows
    together: int
    share: float
    cost: float
    work: tuple[float, float, float] = (1.0, 0.0, 0.0)

    @property
    def bundles(self) -> int:
        """Micro-batches of a pass over the set; windows that do not fill one wait for another pass."""
        return len(self.windows) // self.together


class FieldMix(Dataset[FieldBatch]):
    """`mix[i]` is micro-batch i of this rank; micro-batches are endless.

    A process that reads ahead gives `mix[i, costs]` what step i is planned with, as its copy may not know it yet. Which
    windows are read in a step depends on the seed and the number of ranks; who reads them on the costs.

    Args:
        sources: data sets.
        world: ranks and micro-steps of a step.
        rank: of this process.
        policy: of balance.
        seed: of everything random here.

    Raises:
        FoundationError: a set with fewer windows than a micro-batch wants.
    """

    def __init__(
        self, sources: Sequence[Source], world: World, rank: int = 0, policy: str = "sorted", seed: int = 0
    ) -> None:
        for source in sources:
            if not source.bundles:
                raise FoundationError(
                    f"{source.name}: {len(source.windows)} windows, a micro-batch wants {source.together}. "
                    "Give more files, or fewer `--data.windows`."
                )
        self.sources, self.world, self.rank, self.seed = tuple(sources), world, rank, seed
        self.costs = RevisedCosts(np.array([s.cost for s in sources], np.float64))
        self.planner = Planner(self.shares, [s.bundles for s in sources], world, policy, seed)
        self._orders: dict[int, np.ndarray] = {}

    @property
    def shares(self) -> Float[np.ndarray, "sets"]:
        """Wanted share of each set."""
        return np.array([s.share for s in self.sources])

    @property
    def identity(self) -> dict[str, object]:
        """What must be equal for a saved position to mean the same micro-batch."""
        policy = {"accumulate": self.world.accumulate, "policy": self.planner.policy.title}
        return {"version": VERSION, "seed": self.seed, "data": self.fingerprint, **policy}

    def read_before(self, index: int) -> dict[str, list[int]]:
        """Micro-batches of each set that all ranks took before micro-batch `index` of each, the first one of a step."""
        return {"taken": self.planner.taken(index // self.world.accumulate).tolist()}

    def go_on(self, index: int, read: Mapping[str, Any]) -> None:
        """Let passes over the sets go on after what ranks of any number read before micro-batch `index`."""
        self.planner.follow(index // self.world.accumulate, np.array(read["taken"], np.int64))

    @property
    def fingerprint(self) -> str:
        """Twelve hex digits: the sets, their files and sizes."""
        what = [
            (s.name, s.share, s.together, s.windows.frames, s.windows.stride, len(s.windows), _files(s.windows))
            for s in self.sources
        ]
        return hashlib.sha256(repr(what).encode()).hexdigest()[:12]

    @property
    def work(self) -> Float[np.ndarray, "sets 3"]:
        """(tokens, pairs, bytes) of a micro-batch of each set."""
        return np.array([s.work for s in self.sources], np.float64)

    def planned(self, index: int) -> tuple[int, tuple[float, ...]]:
        """The key of micro-batch `index`, with the costs that its step is planned with."""
        return index, tuple(self.costs.at(index // self.world.accumulate).tolist())

    def __getitem__(self, key: int | tuple[int, tuple[float, ...]]) -> FieldBatch:
        """Micro-batch number `key` of this rank, or of `key = planned(number)`."""
        index, costs = self.planned(key) if isinstance(key, int) else key
        step, micro = divmod(index, self.world.accumulate)
        number, bundle = self.planner(step, np.array(costs)).of(self.rank)[micro]
        source = self.sources[number]
        chosen = self._order(number)[bundle * source.together : (bundle + 1) * source.together]
        draw = index * self.world.ranks + self.rank
        return FieldBatch.of([source.windows[int(i)] for i in chosen], source.name, draw)

    def _order(self, number: int) -> np.ndarray:
        """Windows in the order in which they are bundled, so that those of a bundle are no neighbours in time."""
        if number not in self._orders:
            rng = np.random.default_rng((self.seed, _BUNDLES, number))
            self._orders[number] = rng.permutation(len(self.sources[number].windows))
        return self._orders[number]


class FieldCheck(Dataset[FieldBatch]):
    """Evenly spaced windows of each validation set, one by one, dealt to the ranks in turn."""

    def __init__(self, sets: Mapping[str, FieldWindows], windows: int, rank: int = 0, world: int = 1) -> None:
        self.sets, self.rank, self.world = dict(sets), rank, world
        self.places = [(name, i) for name, some in sets.items() for i in evenly_spaced(len(some), windows)]

    def __len__(self) -> int:
        """Batches of each rank: a last round that is not full is left out, so that no rank waits for another."""
        return len(self.places) // self.world

    def __getitem__(self, index: int) -> FieldBatch:
        if not 0 <= index < len(self):
            raise IndexError(f"no batch {index}; there are {len(self)}")
        name, window = self.places[index * self.world + self.rank]
        return FieldBatch.of([self.sets[name][window]], name)


def _files(windows: FieldWindows) -> list[tuple[str, int]]:
    return [(reader.path.name, reader.path.stat().st_size) for reader in windows.readers]
