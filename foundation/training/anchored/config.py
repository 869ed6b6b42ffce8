"""ComplexDataConfig and AnchoredObjective: which complexes an anchored model trains on, and what is asked of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from foundation.data.biology.contacts import DISTANCE
from foundation.data.biology.similarity import SIMILAR
from foundation.errors import FoundationError
from foundation.model.anchored.loss import Average


@dataclass(frozen=True)
class ComplexDataConfig:
    """Structures and draws; the defaults are those of RNA-BAnG (arXiv:2502.21274) where it states them.

    Args:
        train: directory of PDB or mmCIF files of complexes, or of record shards made of them by `foundation ingest`.
        validation: the same; None = clusters of proteins are held out of `train`.
        held_out: fraction of the clusters, 0 = none.
        clusters: table with the columns id (such as 2Q2K:A) and cluster, from MMseqs2 for instance; None = by the words
            that proteins share, which sees no likeness below about 55 % identity.
        similar: Jaccard index of words from which proteins are in one cluster.
        distance: Å between heavy atoms that touch.
        symmetry: count contacts with other copies in a crystal.
        together: take all chains that touch a strand as one protein.
        draws: of each cluster in an epoch.
        batch: draws of a micro-batch.
        longest: letters shown around the anchor.
        residues: of a protein that are shown, the nearest to the contact.
        noise: of frames: radians, and units of 10 Å (0.1 and 0.02 in RNA-BAnG's first stage).
        split_seed: of the clusters that are held out.
        workers: loader processes of each rank; what is read does not depend on it.

    Raises:
        FoundationError: numbers that leave nothing to train on.
    """

    train: Path
    validation: Path | None = None
    held_out: float = 0.05
    clusters: Path | None = None
    similar: float = SIMILAR
    distance: float = DISTANCE
    symmetry: bool = False
    together: bool = False
    draws: int = 8
    batch: int = 8
    longest: int = 300
    residues: int = 1000
    noise: tuple[float, float] = (0.0, 0.0)
    split_seed: int = 33
    workers: int = 2

    def __post_init__(self) -> None:
        if min(self.draws, self.batch, self.longest, self.residues) < 1 or min(self.noise) < 0:
            raise FoundationError(
                f"data: {self.draws} draws in batches of {self.batch}, {self.longest} letters, {self.residues} "
                f"residues, noise {self.noise}. Give 1 or more of each, and noise of 0 or more."
            )
        if not 0 <= self.held_out < 1:
            raise FoundationError(f"data.held_out {self.held_out} is a fraction of the clusters. Give 0 to below 1.")


@dataclass(frozen=True)
class AnchoredObjective:
    """What is asked.

    Args:
        kind: "sequence" = the next symbols of the strand; "residues" = kinds of hidden residues, from the frames and
            the others: a first stage that needs no nucleic acid and trains the part that reads proteins.
        average: of "sequence", within each and then over them, or over all symbols.
        hidden: of "residues", the fraction that is asked.

    Raises:
        FoundationError: a fraction that hides nothing or more than all.
    """

    kind: Literal["sequence", "residues"] = "sequence"
    average: Average = "sequence"
    hidden: float = 0.3

    def __post_init__(self) -> None:
        if not 0 < self.hidden <= 1:
            raise FoundationError(f"objective.hidden {self.hidden} is a fraction of the residues. Give above 0 to 1.")
