"""SpectraDataModule: record shards to micro-batches of questions for Lightning, on every rank."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from foundation.data.numbered import NumberedLoader
from foundation.data.ranked import RankedData
from foundation.data.records import Sample, Spectrum
from foundation.data.shards import RecordShards
from foundation.data.steps import InSteps
from foundation.errors import FoundationError
from foundation.model.spectra.batch import SpectralBatch
from foundation.movable import Movable
from foundation.processes import end_with_parent
from foundation.tokenizers.native import NativeConfig, Patches, patches_if_any
from foundation.training.spectra.config import SpectraDataConfig
from foundation.training.spectra.objective import Question, SpectralObjective, another

VERSION = 2  # of the saved state
KEPT = 16  # members of the shards that a process keeps


@dataclass(frozen=True, eq=False)
class QuestionBatch(Movable):
    """What is read of several spectra, what is asked, and the weight of each asked patch.

    Args:
        owner: number of the object of each spectrum.
    """

    read: SpectralBatch
    asked: SpectralBatch
    weight: Float[Tensor, "Q"]
    owner: Int[Tensor, "N"]

    @classmethod
    def of(cls, questions: list[Question], owner: list[int]) -> "QuestionBatch":
        """Lay them end to end."""
        read, asked = (SpectralBatch.packed([getattr(q, side) for q in questions]) for side in ("read", "asked"))
        return cls(read, asked, torch.cat([q.weight for q in questions]), torch.tensor(owner))


class Seen(NamedTuple):
    """A spectrum, others of the same object in the same unit, and the number of the object among all."""

    patches: Patches
    others: tuple[Patches, ...]
    owner: int


class SpectraMix(Dataset[QuestionBatch]):
    """`mix[i]` is micro-batch i of a rank, for any i: the same seed and place give the same batch.

    Args:
        shards: of records.
        config: which spectra, and how many.
        cut: how they become patches.
        objective: what is asked.
        seed: of what is drawn.
        rank, ranks: of this process, and of all.
    """

    def __init__(
        self,
        shards: RecordShards,
        config: SpectraDataConfig,
        cut: NativeConfig,
        objective: SpectralObjective,
        seed: int,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        self.shards, self.config, self.cut, self.objective = shards, config, cut, objective
        self.seed, self.rank, self.ranks = seed, rank, ranks
        self._spectra = lru_cache(KEPT)(self._member)

    def __getitem__(self, index: int) -> QuestionBatch:
        draw = np.random.default_rng((self.seed, self.rank, index))
        count = min(self.config.members, self.shards.members)
        members = draw.choice(self.shards.members, count, replace=False).tolist()
        pool = [seen for member in members for seen in self._spectra(member)]
        if not pool:
            raise FoundationError(
                f"{self.shards.path}: {count} members hold no spectrum with enough valid pixels. "
                "Give other shards, or other `--data.modalities`."
            )
        generator = torch.Generator().manual_seed(int(draw.integers(1 << 62)))
        chosen = self._within_budget([pool[i] for i in draw.permutation(len(pool))])
        return QuestionBatch.of([self._question(seen, generator) for seen in chosen], [seen.owner for seen in chosen])

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_spectra"}  # a cache does not travel

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._spectra = lru_cache(KEPT)(self._member)

    @property
    def identity(self) -> dict[str, Any]:
        """What a place in this mix refers to."""
        return {"version": VERSION, "seed": self.seed, "data": self.shards.manifest.fingerprint}

    def read_before(self, index: int) -> dict[str, Any]:
        """Nothing that matters: each rank draws for each number anew."""
        return {}

    def go_on(self, index: int, read: Mapping[str, Any]) -> None:
        """Draws after `index` are others than those before it, whatever the number of ranks."""

    def _question(self, seen: Seen, generator: torch.Generator) -> Question:
        if seen.others and float(torch.rand((), generator=generator)) < self.config.pairs:
            other = seen.others[int(torch.randint(len(seen.others), (), generator=generator))]
            if (question := another(seen.patches, other)) is not None:
                return question
        return self.objective(seen.patches, generator)

    def _within_budget(self, pool: list[Seen]) -> list[Seen]:
        """The first ones, as many as there is room for; at least one."""
        total = np.cumsum([len(seen.patches) for seen in pool])
        return pool[: max(int(np.searchsorted(total, self.config.patches_per_batch, "right")), 1)]

    def _member(self, member: int) -> list[Seen]:
        first = member << 32  # no member holds so many samples
        return [seen for i, sample in enumerate(self.shards.member(member)) for seen in self._seen(sample, first + i)]

    def _seen(self, sample: Sample, owner: int) -> list[Seen]:
        """The spectra of one object."""
        wanted = self.config.modalities
        records = [r for n, r in sample.items() if isinstance(r, Spectrum) and (not wanted or n in wanted)]
        cut = [(p, r.unit) for r in records if (p := patches_if_any(r, self.cut)) is not None]
        others = [tuple(q for q, u in cut if q is not p and u == unit and self.config.pairs) for p, unit in cut]
        return [Seen(p, rest, owner) for (p, _), rest in zip(cut, others, strict=True)]


class SpectraDataModule(RankedData):
    """Loaders for training (endless, resumable) and validation (the same questions each time).

    Args:
        config: the shards.
        cut: how spectra become patches.
        objective: what is asked.
        seed: of what is drawn.
        batches: micro-batches of the run on each rank.
        checks: micro-batches of a validation.
    """

    def __init__(
        self,
        config: SpectraDataConfig,
        cut: NativeConfig,
        objective: SpectralObjective,
        seed: int,
        batches: int,
        checks: int,
    ) -> None:
        super().__init__()
        self.config, self.cut, self.objective, self.seed = config, cut, objective, seed
        self.batches, self.checks = batches, checks
        self.shards = RecordShards(config.train)
        self.held_out = None if config.validation is None else RecordShards(config.validation)

    def train_dataloader(self) -> InSteps[QuestionBatch]:
        """Micro-batches of the whole run for this rank."""
        return self.in_steps(NumberedLoader(self._mix(self.shards), self.batches, self.config.workers))

    def val_dataloader(self) -> DataLoader | list:
        """The same micro-batches each time; an empty list if there is no validation set."""
        if self.held_out is None:
            return []
        return DataLoader(
            self._mix(self.held_out),
            None,
            sampler=range(self.checks),
            num_workers=self.config.workers,
            worker_init_fn=end_with_parent,
        )

    def _mix(self, shards: RecordShards) -> SpectraMix:
        return SpectraMix(shards, self.config, self.cut, self.objective, self.seed, *self.place)
