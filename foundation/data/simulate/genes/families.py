"""Families: proteins with a shape in common, sites that prefer residues, and pairs of sites that change together."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from foundation.data.biology.frames import AMINO_ACIDS
from foundation.data.simulate.genes.usage import composition

PREFERS = {"H": "AELKMQR", "E": "VIYFTWC", "T": "GPNSD"}  # residues of helices, strands and turns
COUPLED = (("K", "E"), ("E", "K"), ("R", "D"), ("D", "R"), ("F", "G"), ("G", "F"))  # what two paired sites may be
PREFERENCE = 4.0  # how much likelier a residue is where it is preferred
SHARP = 0.25  # concentration of what a site takes: small = one or two residues
PAIRED = 0.2  # share of the sites that are paired


@dataclass(frozen=True, eq=False)
class Family:
    """One family.

    Args:
        shape: H, E or T at each residue.
        profile: float64 [n, 20], what each site takes if it is not paired.
        pairs: sites that are one of COUPLED together.
    """

    shape: str
    profile: Float64[np.ndarray, "n 20"]
    pairs: tuple[tuple[int, int], ...]

    @classmethod
    def draw(cls, rng: np.random.Generator, shortest: int = 80, longest: int = 160) -> "Family":
        """A family of proteins of one length."""
        length = int(rng.integers(shortest, longest + 1))
        shape = _shape(rng, length)
        likes = np.array([[PREFERENCE if aa in PREFERS[s] else 1.0 for aa in AMINO_ACIDS] for s in shape])
        often = composition() * len(AMINO_ACIDS)
        profile = np.stack([rng.dirichlet(SHARP * often * row) for row in likes])
        sites = rng.permutation(np.arange(1, length))[: int(PAIRED * length) // 2 * 2].reshape(-1, 2)
        return cls(shape, profile, tuple((int(i), int(j)) for i, j in np.sort(sites, 1)))

    def member(self, rng: np.random.Generator) -> str:
        """A protein of the family; it begins with M."""
        cumulative = np.cumsum(self.profile, 1)
        drawn = (rng.random(len(self.shape))[:, None] * cumulative[:, -1:] > cumulative).sum(1)
        residues = [AMINO_ACIDS[i] for i in drawn]
        for i, j in self.pairs:
            residues[i], residues[j] = COUPLED[rng.integers(len(COUPLED))]
        return "M" + "".join(residues[1:])


def _shape(rng: np.random.Generator, length: int) -> str:
    pieces: list[str] = []
    while sum(map(len, pieces)) < length:
        pieces.append(str(rng.choice(["H", "E"])) * int(rng.integers(5, 15)) + "T" * int(rng.integers(2, 7)))
    return "".join(pieces)[:length]
