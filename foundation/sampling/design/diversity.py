"""Diversity: designs that differ enough from each other, and how many different ones there are in effect."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from foundation.errors import FoundationError

ALIKE = 0.2  # of the letters: sequences nearer than this count as one in `effective_number`
ROWS = 512  # compared at a time


def distinct(sequences: Sequence[str], score: Float[np.ndarray, "n"], distance: float) -> Int[np.ndarray, "kept"]:
    """The best sequence, then the best that differs enough from all kept ones, and so on; best first.

    Args:
        score: larger is better; equal ones in the order they come.
        distance: fewest edits between two kept sequences (insertions, deletions, substitutions) as a fraction of the
            longer one's letters; 0 keeps all that are not equal.

    Raises:
        FoundationError: a fraction below 0 or above 1.
    """
    if not 0 <= distance <= 1:
        raise FoundationError(f"distance {distance}. Give a fraction of the letters, from 0 to 1.")
    from rapidfuzz.distance import Levenshtein
    from rapidfuzz.process import cdist

    kept: list[int] = []
    chosen: list[str] = []
    seen: set[str] = set()
    for i in map(int, np.argsort(-score, kind="stable")):
        word = sequences[i]
        if word in seen:
            continue
        if chosen and distance > 0:
            nearest = cdist([word], chosen, scorer=Levenshtein.normalized_distance, dtype=np.float64).min()
            if nearest < distance:
                continue
        kept.append(i)
        chosen.append(word)
        seen.add(word)
    return np.array(kept, dtype=np.int64)


def effective_number(sequences: Sequence[str]) -> float:
    """Sum over sequences of 1 / (how many of all differ from it in less than a fifth of the letters, itself included).

    n for sequences that are all different, 1 for copies of one; the weighting customary for alignments.
    """
    from rapidfuzz.distance import Levenshtein
    from rapidfuzz.process import cdist

    total = 0.0
    for begin in range(0, len(sequences), ROWS):
        some = sequences[begin : begin + ROWS]
        near = cdist(some, sequences, scorer=Levenshtein.normalized_distance, dtype=np.float32) < ALIKE
        total += float((1 / near.sum(1)).sum())
    return total
