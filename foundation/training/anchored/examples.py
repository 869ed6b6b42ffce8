"""Examples: what is read off structures, as micro-batches for an anchored model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Int
from scipy.spatial.transform import Rotation
from torch import Tensor

from foundation.data.biology.complexes import Complex, Target
from foundation.data.biology.draws import window_around
from foundation.data.biology.protein import UNKNOWN, ProteinFrames
from foundation.model.anchored.batch import AnchoredBatch, Protein
from foundation.model.anchored.order import LETTERS, Factorisation, Rows, grow
from foundation.movable import Movable

Draws = Sequence[tuple[int, np.random.Generator]]  # number of an example, and the randomness of its draw
Noise = tuple[float, float]  # of rotations, in radians, and of translations, in units of 10 Å


@dataclass(frozen=True, eq=False)
class RecoveryBatch(Movable):
    """Proteins of which some residues are hidden.

    Args:
        proteins: without rows; hidden residues are unknown.
        kind: int64 [R], what a hidden residue is, 0 to 19; -1 where nothing is asked.
    """

    proteins: AnchoredBatch
    kind: Int[Tensor, "R"]


@dataclass(frozen=True, eq=False)
class ComplexExamples:
    """Strands before proteins: one contact is drawn, and the strand grows from behind its nucleotide.

    Args:
        complexes: one or more.
        factorisation: the order of growth; "left_to_right" grows from the left end of the same window.
        longest: letters of a window.
        residues: of a protein.
        noise: of its frames.
    """

    complexes: Sequence[Complex]
    factorisation: Factorisation
    longest: int
    residues: int
    noise: Noise = (0.0, 0.0)

    def targets(self) -> list[Target]:
        """The protein of each complex."""
        return [c.target for c in self.complexes]

    def names(self) -> list[str]:
        """The name of each complex."""
        return [c.name for c in self.complexes]

    def batch(self, draws: Draws) -> AnchoredBatch:
        """One contact of each drawn complex; a nucleotide that touches many residues is as likely as any other."""
        shown = [self._shown(self.complexes[number], rng) for number, rng in draws]
        rna = [bool(self.complexes[number].rna) for number, _ in draws]
        return AnchoredBatch.of([protein for protein, _ in shown], [rows for _, rows in shown], rna=rna)

    def _shown(self, drawn: Complex, rng: np.random.Generator) -> tuple[Protein, Rows]:
        place = int(rng.choice(drawn.anchors))
        residue = int(rng.choice(drawn.contacts[drawn.contacts[:, 1] == place, 0]))
        start, end, ends = window_around(drawn.letters, place, self.longest)
        anchor = 0 if self.factorisation == "left_to_right" else place + 1 - start
        letters = torch.tensor([LETTERS.index(letter) for letter in drawn.letters[start:end]])
        rows = grow(letters, anchor, self.factorisation, ends)
        frames = _disturbed(nearest(drawn.target.frames, residue, self.residues), self.noise, rng)
        return Protein.of(frames), rows


@dataclass(frozen=True, eq=False)
class ResidueExamples:
    """Proteins alone, of which residues are to be told from their frames and their neighbours.

    Args:
        proteins: one or more.
        hidden: fraction of the residues that is asked, at least one.
        residues: shown of a protein, the nearest to one that is drawn.
        noise: of its frames.
    """

    proteins: Sequence[Target]
    hidden: float
    residues: int
    noise: Noise = (0.0, 0.0)

    def targets(self) -> list[Target]:
        """The proteins."""
        return list(self.proteins)

    def names(self) -> list[str]:
        """The name of each protein."""
        return [target.name for target in self.proteins]

    def batch(self, draws: Draws) -> RecoveryBatch:
        """Each drawn protein with other residues hidden."""
        shown, kinds = zip(*(self._shown(self.proteins[number].frames, rng) for number, rng in draws), strict=True)
        return RecoveryBatch(AnchoredBatch.of(list(shown), []), torch.cat(kinds))

    def _shown(self, frames: ProteinFrames, rng: np.random.Generator) -> tuple[Protein, Int[Tensor, "R"]]:
        centre = int(rng.integers(len(frames.residues)))
        frames = _disturbed(nearest(frames, centre, self.residues), self.noise, rng)
        known = frames.residues < UNKNOWN
        asked = known & (rng.random(len(known)) < self.hidden)
        if not asked.any() and known.any():
            asked[rng.choice(np.flatnonzero(known))] = True
        kind = np.where(asked, frames.residues, -1)
        protein = Protein.of(frames)
        return replace(protein, residues=torch.from_numpy(np.where(asked, UNKNOWN, frames.residues))), torch.from_numpy(
            kind
        )


Examples = ComplexExamples | ResidueExamples


def nearest(frames: ProteinFrames, residue: int, count: int) -> ProteinFrames:
    """The residues whose CA are nearest to that of one residue, it among them, in the order of the chain."""
    if len(frames.residues) <= count:
        return frames
    apart = np.linalg.norm(frames.translation - frames.translation[residue], axis=1)
    kept = np.sort(np.argsort(apart, kind="stable")[:count])
    return ProteinFrames(*(part[kept] for part in frames))


def _disturbed(frames: ProteinFrames, noise: Noise, rng: np.random.Generator) -> ProteinFrames:
    """Frames turned about random axes and shifted, by normal deviates of these sizes."""
    if not any(noise):
        return frames
    count = len(frames.residues)
    turns = Rotation.from_rotvec(noise[0] * rng.normal(size=(count, 3))).as_matrix()
    shifts = noise[1] * rng.normal(size=(count, 3))
    return frames._replace(
        rotation=(frames.rotation @ turns).astype(np.float32),
        translation=(frames.translation + shifts).astype(np.float32),
    )
