"""Background: letters that belong to no site and no codon, each drawn given the one before as in human DNA."""

import numpy as np
from jaxtyping import Float64

from foundation.data.simulate.genes.motifs import LETTERS

# How often each letter follows each, over what their frequencies make of it, counted in the human assembly hg19: C is
# rarely followed by G, T rather seldom by A
BESIDE = np.array([[1.12, 0.83, 1.16, 0.88], [1.20, 1.25, 0.24, 1.16], [0.98, 1.02, 1.25, 0.83],
                   [0.75, 0.98, 1.20, 1.12]])  # fmt: skip
GENOME = (0.295, 0.205, 0.205, 0.295)  # A, C, G, T of either strand
INTRON = (0.27, 0.20, 0.21, 0.32)  # of introns in reading order


def background(rng: np.random.Generator, count: int, composition: tuple[float, ...] = INTRON) -> str:
    """So many letters A, C, G and T, the first by the composition alone."""
    rows = np.cumsum(following(composition), 1).tolist()
    row, text = np.cumsum(composition).tolist(), []
    for chance in rng.random(count).tolist():
        code = (chance > row[0]) + (chance > row[1]) + (chance > row[2])
        row = rows[code]
        text.append(LETTERS[code])
    return "".join(text)


def following(composition: tuple[float, ...]) -> Float64[np.ndarray, "4 4"]:
    """Probability of each letter (columns) after each."""
    table = np.array(composition) * BESIDE
    return table / table.sum(1, keepdims=True)
