"""Letters: which amino acid each residue of a fold is, drawn with probabilities that its surroundings set."""

import numpy as np
from jaxtyping import Float64

from foundation.data.biology.frames import AMINO_ACIDS
from foundation.data.biology.hydropathy import hydropathy
from foundation.data.simulate.proteins.fold import HELIX, STRAND, Fold

# Chou and Fasman 1978 (doi:10.1002/9780470122921.ch2), in the order of AMINO_ACIDS
IN_HELICES = (1.42, 0.98, 0.67, 1.01, 0.70, 1.11, 1.51, 0.57, 1.00, 1.08,
              1.21, 1.16, 1.45, 1.13, 0.57, 0.77, 0.83, 1.08, 0.69, 1.06)  # fmt: skip
IN_STRANDS = (0.83, 0.93, 0.89, 0.54, 1.19, 1.10, 0.37, 0.75, 0.87, 1.60,
              1.30, 0.74, 1.05, 1.38, 0.55, 0.75, 1.19, 1.37, 1.47, 1.70)  # fmt: skip
STRENGTH = 3.0  # of propensities, as a power
MIDDLE, SPREAD = 14.0, 5.0  # CB within 10 Å of a residue that is neither in the core nor outside
HYDROPHOBIC = 0.5  # of Kyte and Doolittle's scale, at one spread from the middle
GLYCINE = 4.0  # nats in favour of glycine where the backbone is left-handed


def probabilities(fold: Fold) -> Float64[np.ndarray, "n 20"]:
    """Of each amino acid at each residue, in the order of AMINO_ACIDS; all that a sequence depends on."""
    logits = np.zeros((len(fold.state), len(AMINO_ACIDS)))
    for state, table in ((HELIX, IN_HELICES), (STRAND, IN_STRANDS)):
        logits[[s == state for s in fold.state]] += STRENGTH * np.log(table)
    core = np.clip((fold.crowd - MIDDLE) / SPREAD, -2, 2)
    logits += HYDROPHOBIC * core[:, None] * np.array([hydropathy()[letter] for letter in AMINO_ACIDS])
    logits[fold.left, AMINO_ACIDS.index("G")] += GLYCINE
    p = np.exp(logits - logits.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


def draw_letters(p: Float64[np.ndarray, "n 20"], rng: np.random.Generator) -> str:
    """A sequence."""
    chosen = (p.cumsum(1) < rng.random((len(p), 1))).sum(1)
    return "".join(AMINO_ACIDS[min(i, len(AMINO_ACIDS) - 1)] for i in chosen)
