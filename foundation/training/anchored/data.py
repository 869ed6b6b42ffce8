"""AnchoredDataModule: directories of complexes to micro-batches for Lightning, on every rank."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from torch.utils.data import DataLoader, Subset

from foundation.data.biology.complexes import Complex, Target, complexes_of, targets_of
from foundation.data.biology.directory import structures_in
from foundation.data.biology.draws import ClusterDraws
from foundation.data.biology.similarity import held_out, protein_clusters, read_clusters
from foundation.data.ingest import Outcome
from foundation.data.numbered import NumberedLoader
from foundation.data.ranked import RankedData
from foundation.data.steps import InSteps
from foundation.errors import FoundationError
from foundation.model.anchored.order import Factorisation
from foundation.processes import end_with_parent
from foundation.training.anchored.config import AnchoredObjective, ComplexDataConfig
from foundation.training.anchored.examples import ComplexExamples, Examples, ResidueExamples
from foundation.training.anchored.mix import AnchoredMix, Batch

T = TypeVar("T")


class AnchoredDataModule(RankedData):
    """Loaders for training (endless, resumable) and validation (the same draws each time).

    Args:
        config: the complexes.
        objective: what is asked; "residues" takes every protein chain, touching or not.
        factorisation: of the model.
        seed: of what is drawn and when.
        batches: micro-batches of the run on each rank.

    Raises:
        FoundationError: a directory without anything to train on.
    """

    def __init__(
        self,
        config: ComplexDataConfig,
        objective: AnchoredObjective,
        factorisation: Factorisation,
        seed: int,
        batches: int,
    ) -> None:
        super().__init__()
        self.config, self.objective = config, objective
        self.factorisation: Factorisation = factorisation
        self.seed, self.batches = seed, batches
        self.outcome = Outcome()
        found = self._read(config.train)
        clusters = self._clusters(found)
        out = np.zeros(len(found), bool)
        if config.validation is None and config.held_out:
            out = held_out(clusters, config.held_out, config.split_seed)
        self.examples = self._examples([found[i] for i in np.flatnonzero(~out)])
        self.clusters = _numbered(clusters[~out])
        checked = [found[i] for i in np.flatnonzero(out)]
        if config.validation is not None:
            checked = self._read(config.validation)
        self.checks = self._examples(checked) if checked else None

    @property
    def mix(self) -> AnchoredMix:
        """The micro-batches of this rank."""
        draws = ClusterDraws(self.clusters, self.config.draws, self.seed)
        return AnchoredMix(self.examples, draws, self.config.batch, *self.place)

    def train_dataloader(self) -> InSteps[Batch]:
        """Micro-batches of the whole run for this rank."""
        return self.in_steps(NumberedLoader(self.mix, self.batches, self.config.workers))

    def val_dataloader(self) -> DataLoader | list:
        """As many draws of each held-out cluster as an epoch has, whole micro-batches; an empty list if there is none.

        Noise and hidden residues are drawn as in training, but the same each time.
        """
        if self.checks is None:
            return []
        clusters = _numbered(protein_clusters([t.letters for t in self.checks.targets()], self.config.similar))
        draws = ClusterDraws(clusters, self.config.draws, self.config.split_seed)
        rank, ranks = self.place
        size = min(self.config.batch, max(draws.epoch // ranks, 1))
        check = AnchoredMix(self.checks, draws, size, rank, ranks)
        first = range(max(draws.epoch // (size * ranks), 1))
        return DataLoader(
            Subset(check, first), batch_size=None, num_workers=self.config.workers, worker_init_fn=end_with_parent
        )

    def _read(self, source: Path) -> list[Complex] | list[Target]:
        config, structures = self.config, structures_in(source, self.outcome)
        if self.objective.kind == "residues":
            return _gathered([targets_of(structure) for structure in structures], source, "protein with a backbone")
        found = [complexes_of(s, config.distance, config.symmetry, config.together) for s in structures]
        return _gathered(found, source, f"protein and nucleic acid within {config.distance:g} Å")

    def _clusters(self, found: Sequence[Complex | Target]) -> np.ndarray:
        targets = [one.target if isinstance(one, Complex) else one for one in found]
        if self.config.clusters is not None:
            return read_clusters(self.config.clusters, [target.name for target in targets])
        return protein_clusters([target.letters for target in targets], self.config.similar)

    def _examples(self, found: Sequence) -> Examples:
        config, objective = self.config, self.objective
        if objective.kind == "residues":
            return ResidueExamples(found, objective.hidden, config.residues, config.noise)
        return ComplexExamples(found, self.factorisation, config.longest, config.residues, config.noise)


def _gathered(found: list[list[T]], source: Path, what: str) -> list[T]:
    """All of them in one list; says how many structures have none."""
    gathered = [one for several in found for one in several]
    without = sum(not several for several in found)
    if not gathered:
        raise FoundationError(f"{source}: none of {len(found)} structures has a {what}. Give another directory.")
    print(f"{source}: {len(gathered)} examples; {without} of {len(found)} structures have no {what}", file=sys.stderr)
    return gathered


def _numbered(clusters: np.ndarray) -> np.ndarray:
    return np.unique(clusters, return_inverse=True)[1].astype(np.int64)
