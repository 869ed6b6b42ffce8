"""Translation: edits that leave every codon of a transcript standing for the residue it stands for."""

import numpy as np
from jaxtyping import Int64

from foundation.data.biology.genes.layout import is_coding
from foundation.data.biology.genetic_code import CODON, translate
from foundation.data.records import Sample
from foundation.errors import FoundationError

STANDARD = 1  # NCBI's number of the genetic code


def codons_of(row: Sample) -> Int64[np.ndarray, "codons 3"]:
    """Places of the letters of each codon, counted from the first letter of the row; an intron may lie within.

    Raises:
        FoundationError: the row does not say what is coding, or not in whole codons.
    """
    places = np.flatnonzero(is_coding(row))
    if len(places) % CODON:
        raise FoundationError(
            f"{row.key}: {len(places)} coding letters, no whole number of codons, so that their frame is not known. "
            "Leave the row or --keep out."
        )
    return places.reshape(-1, CODON)


def silent(before: str, after: str, codons: Int64[np.ndarray, "codons 3"]) -> str:
    """The letters after an edit; codons that it would give another residue stay as they are before."""
    letters = list(after)
    for codon in codons.tolist():
        old, new = ("".join(text[i] for i in codon) for text in (before, after))
        if old != new and translate(old, STANDARD) != translate(new, STANDARD):
            for i in codon:
                letters[i] = before[i]
    return "".join(letters)
