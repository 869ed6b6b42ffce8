"""Surroundings: how often each letter stands among the letters beside it, in a reading frame or not.

What a hidden letter's neighbours tell without a model, and what they tell to who knows the reading frame: as counts
from other genes, so that the bias of codons and of neighbours is in it, and nothing that is further away.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from foundation.data.biology.genes.layout import CODING, LETTERS, is_coding
from foundation.data.biology.genetic_code import CODON
from foundation.data.records import Sample
from foundation.errors import FoundationError
from foundation.evaluation.genes.baselines import letters_of
from foundation.evaluation.genes.matrices import codes_of
from foundation.evaluation.genes.recovery import Answers
from foundation.sampling.marginals import Probabilities

WIDE = 2  # letters on either side; in a codon these are its other two
HIDDEN, SYMBOLS = 5, 6  # beside A, C, G, U and other letters
PSEUDO = 4.0  # counts that are added, dealt as letters are everywhere
AROUND, IN_FRAME = "letters around", "letters around, in frame"
PASSES = 4  # times that each row is counted, each time with other letters hidden

Contexts = Int64[np.ndarray, "n"]


@dataclass(frozen=True, eq=False)
class Surroundings:
    """Shares of letters in each surrounding.

    Args:
        share: float64 [contexts, 5], of A, C, G, U and other letters.
        framed: whether a surrounding also says if a letter is coding, and which one of its codon.
    """

    share: Float64[np.ndarray, "contexts 5"]
    framed: bool

    @classmethod
    def fit(cls, rows: Sequence[Sample], hidden: float, framed: bool = False, seed: int = 0) -> "Surroundings":
        """Count the letters of rows, of which a share is hidden.

        Raises:
            FoundationError: no row, or without coding letters if they are framed.
        """
        if not rows:
            raise FoundationError("No row to count letters of. Give rows that have what the model is shown.")
        counts = np.zeros(((CODON + 1 if framed else 1) * SYMBOLS ** (2 * WIDE), HIDDEN))
        rng = np.random.default_rng(seed)
        for row in rows:
            codes, coding = codes_of(letters_of(row)), is_coding(row) if framed else None
            for _ in range(PASSES):
                away = rng.random(len(codes)) < hidden
                np.add.at(counts, (_contexts(codes, away, coding)[away], codes[away]), 1)
        every = (counts.sum(0) + 1) / (counts.sum() + HIDDEN)
        return cls((counts + PSEUDO * every) / (counts.sum(1, keepdims=True) + PSEUDO), framed)

    def told(self, row: Sample, places: Int64[np.ndarray, "m"]) -> Float64[np.ndarray, "m 5"]:
        """Probabilities of the letters at places that are hidden, the others being known."""
        codes, coding = codes_of(letters_of(row)), is_coding(row) if self.framed else None
        away = np.zeros(len(codes), bool)
        away[places] = True
        return self.share[_contexts(codes, away, coding)[places]]


def _of_codes(share: Float64[np.ndarray, "m 5"], size: int) -> Probabilities:
    """Other letters are the last code after A, C, G, U."""
    probabilities = torch.zeros(len(share), size, dtype=torch.float64)
    probabilities[:, [*range(SYMBOLS - 2), size - 1]] = torch.from_numpy(share)
    return probabilities


def _contexts(
    codes: Int64[np.ndarray, "n"], away: Bool[np.ndarray, "n"], coding: Bool[np.ndarray, "n"] | None
) -> Contexts:
    """The number of the surrounding of each letter; it says where in its codon a letter is if `coding` is known."""
    shown = np.where(away, HIDDEN, codes)
    found = _around(shown)
    if coding is not None:  # coding letters stand beside those of their exons, and the first begins a codon
        frame = np.arange(coding.sum()) % CODON + 1
        found[coding] = _around(shown[coding]) + frame * SYMBOLS ** (2 * WIDE)
    return found


def _around(shown: Int64[np.ndarray, "n"]) -> Contexts:
    padded = np.pad(shown, WIDE, constant_values=HIDDEN)
    beside: Iterable[int] = (i for i in range(2 * WIDE + 1) if i != WIDE)
    return sum((padded[i : i + len(shown)] * SYMBOLS**n for n, i in enumerate(beside)), np.zeros(len(shown), np.int64))


def with_surroundings(
    answers: Answers, rows: Sequence[Sample], fitted: Sequence[Sample], hidden: float, seed: int
) -> Answers:
    """Answers about letters, and beside them what surroundings in other rows say; without such rows as they are.

    Args:
        rows: that the answers are of.
        fitted: others; those that tell what is coding, if `rows` do, are counted in frame too.
    """
    told = dict(answers.told)
    for name, framed in ((AROUND, False), (IN_FRAME, True)):
        known = [s for s in fitted if LETTERS in s and (not framed or CODING in s)]
        if known and (not framed or all(CODING in s for s in rows)):
            model = Surroundings.fit(known, hidden, framed, seed)
            size = next(iter(answers.told.values()))[0].shape[1]
            told[name] = [_of_codes(model.told(r, p.numpy()), size) for r, p in zip(rows, answers.places, strict=True)]
    return replace(answers, told=told)


def coding_places(answers: Answers, rows: Sequence[Sample]) -> list[Bool[Tensor, "_"]]:
    """Which of the hidden letters are coding; empty if rows do not tell, or none is."""
    if not all(CODING in row for row in rows):
        return []
    found = [torch.from_numpy(is_coding(row))[p] for row, p in zip(rows, answers.places, strict=True)]
    return found if any(f.any() for f in found) else []
