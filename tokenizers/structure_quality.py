"""structure_quality: how near decoded chains come to those that were encoded."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from foundation.data.biology.structure import Structure
from foundation.tokenizers.assembly import laid_on

STRETCH = 9  # residues
NEAR = 15.0  # Å; distances up to this count in lDDT
BOUNDS = (0.5, 1.0, 2.0, 4.0)  # Å


def measures(pairs: Sequence[tuple[Structure, Structure]]) -> dict[str, float]:
    """Means over chains, in Å: `rmsd` of whole chains, `rmsd_of_9` of stretches; and `lddt` of CA, from 0 to 1.

    Args:
        pairs: a chain with one protein, and the decoded one, which has its residues with a whole backbone.
    """
    found = []
    for true, decoded in pairs:
        backbone, complete = true.backbone
        own, other = backbone[complete].astype(np.float64), decoded.backbone[0].astype(np.float64)
        if len(own) == len(other):  # not where N, CA and C lie on a line
            found.append((rmsd(own[None], other[None])[0], rmsd_of_stretches(own, other), lddt(own[:, 1], other[:, 1])))
    if not found:
        return {}
    return dict(zip(("rmsd", "rmsd_of_9", "lddt"), np.mean(found, 0).tolist(), strict=True))


def rmsd(
    own: Float64[np.ndarray, "n w atoms xyz"], other: Float64[np.ndarray, "n w atoms xyz"]
) -> Float64[np.ndarray, "n"]:
    """Å between the atoms of each pair, once the second lies on the first."""
    laid = laid_on(other, own, np.ones(own.shape[:2]))
    return np.sqrt(((laid - own) ** 2).sum(-1).mean((1, 2)))


def rmsd_of_stretches(
    own: Float64[np.ndarray, "n atoms xyz"], other: Float64[np.ndarray, "n atoms xyz"], stretch: int = STRETCH
) -> float:
    """Mean Å over all stretches of so many residues, each laid on by itself."""
    index = np.arange(max(len(own) - stretch + 1, 1))[:, None] + np.arange(min(stretch, len(own)))
    return float(rmsd(own[index], other[index]).mean())


def lddt(own: Float64[np.ndarray, "n xyz"], other: Float64[np.ndarray, "n xyz"]) -> float:
    """Share of distances up to 15 Å that are kept, mean over four bounds (doi:10.1093/bioinformatics/btt473)."""
    apart, again = (np.linalg.norm(x[:, None] - x, axis=-1) for x in (own, other))
    counted = (apart < NEAR) & ~np.eye(len(own), dtype=bool)
    off = np.abs(apart - again)[counted]
    return float(np.mean([(off < bound).mean() for bound in BOUNDS])) if counted.any() else 1.0
