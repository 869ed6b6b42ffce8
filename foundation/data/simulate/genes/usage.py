"""Usage: how often human genes use each codon, and with them each residue."""

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from jaxtyping import Float64

from foundation.data.biology.frames import AMINO_ACIDS
from foundation.data.biology.genetic_code import CODONS, residues

# Per thousand codons of 93,487 human coding sequences, in the order of CODONS (Nakamura, Gojobori and Ikemura 2000,
# doi:10.1093/nar/28.1.292)
PER_THOUSAND = (
    24.4, 19.1, 31.9, 17.0, 15.1, 18.9, 6.1, 13.1, 12.2, 19.5, 12.0, 12.1, 7.5, 20.8, 22.0, 16.0,  # A..
    12.3, 15.1, 34.2, 10.9, 16.9, 19.8, 6.9, 17.5, 6.2, 10.4, 11.4, 4.5, 7.2, 19.6, 39.6, 13.2,  # C..
    29.0, 25.1, 39.6, 21.8, 15.8, 27.7, 7.4, 18.4, 16.5, 22.2, 16.5, 10.8, 7.1, 14.5, 28.1, 11.0,  # G..
    1.0, 15.3, 0.8, 12.2, 12.2, 17.7, 4.4, 15.2, 1.6, 12.6, 13.2, 10.6, 7.7, 20.3, 12.9, 17.6,  # U..
)  # fmt: skip
Synonyms = Mapping[str, tuple[Sequence[str], np.ndarray]]  # residue -> its codons, how often each or one before is used


@cache
def synonyms() -> Synonyms:
    """The codons of each residue, as DNA, and the share of uses of each or one before; `*` is a stop."""
    found: dict[str, list[tuple[str, float]]] = {}
    for codon, residue, often in zip(CODONS, residues(1), PER_THOUSAND, strict=True):
        found.setdefault(residue, []).append((codon.replace("U", "T"), often))
    return {aa: ([c for c, _ in own], _cumulative([often for _, often in own])) for aa, own in found.items()}


def composition() -> Float64[np.ndarray, "20"]:
    """Share of each residue, in the order of AMINO_ACIDS."""
    often = np.array([sum(u for r, u in zip(residues(1), PER_THOUSAND, strict=True) if r == aa) for aa in AMINO_ACIDS])
    return often / often.sum()


def _cumulative(often: Sequence[float]) -> Float64[np.ndarray, "n"]:
    return np.cumsum(often) / sum(often)
