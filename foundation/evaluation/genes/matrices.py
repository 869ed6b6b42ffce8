"""Weight matrices of splice sites, from counts: letters alone (PWM), or each given the one before (as in MaxEntScan).

Windows are those of MaxEntScan (Yeo & Burge 2004, J. Comput. Biol. 11, 377): 3 and 6 letters around a donor, 20 and 3
around an acceptor. Its maximum entropy model of all pairs is replaced by a chain of neighbours, which has its main
dependencies.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from foundation.errors import FoundationError

LETTERS = "ACGU"
AROUND = {"donor": (3, 6), "acceptor": (19, 4)}  # letters before the marked base, and from it on
PSEUDO = 0.5  # counts that are added
FAR = -1e3  # score of places too near to an end


def codes_of(letters: str) -> Int64[np.ndarray, "n"]:
    """0 to 3 for A, C, G and U; others 4."""
    table = np.full(128, 4)
    table[list(LETTERS.encode())] = np.arange(4)
    return table[np.frombuffer(letters.encode(), np.uint8)]


@dataclass(frozen=True, eq=False)
class SiteMatrix:
    """Log odds of each letter at each place of a window, given the letter before if `order` is 1.

    Args:
        odds: float64 [width, 5, 5], by place, letter before and letter; in bits, 0 for letters not known.
        before: letters of the window before the marked base.
    """

    odds: Float64[np.ndarray, "width 5 5"]
    before: int

    @classmethod
    def fit(
        cls, letters: Sequence[str], sites: Sequence[Bool[np.ndarray, "_"]], kind: str, order: int = 0
    ) -> "SiteMatrix":
        """Count letters around sites, and everywhere.

        Args:
            letters: of each transcript, as RNA.
            sites: where the sites of one kind are marked, one base each, as in splice_jctns_5cls.
            kind: "donor" or "acceptor", which sets the window.
            order: 0 = letters alone, 1 = given the one before.

        Raises:
            FoundationError: no site, or another kind or order.
        """
        if kind not in AROUND or order not in (0, 1):
            raise FoundationError(f"a matrix of {kind!r} of order {order}. Give {' or '.join(AROUND)}, and 0 or 1.")
        before, after = AROUND[kind]
        found, every = np.zeros((before + after, 5, 5)), np.zeros((5, 5))
        for text, marked in zip(letters, sites, strict=True):
            codes = codes_of(text)
            np.add.at(every, (codes[:-1], codes[1:]), 1)
            inside = np.flatnonzero(marked)
            inside = inside[(inside > before) & (inside + after <= len(codes))]
            windows = codes[inside[:, None] + np.arange(-before - 1, after)]
            np.add.at(found, (np.arange(before + after), windows[:, :-1], windows[:, 1:]), 1)
        if not found.any():
            raise FoundationError(f"no {kind} has {before} letters before it and {after} after. Give more transcripts.")
        if order == 0:
            found, every = (np.broadcast_to(x.sum(-2, keepdims=True), x.shape) for x in (found, every))
        odds = np.zeros_like(found)
        odds[:, :, :4] = np.log2(_shares(found) / _shares(every))
        odds[:, 4] = 0
        return cls(odds, before)

    def score(self, letters: str) -> Float64[np.ndarray, "n"]:
        """Of each place of a transcript as a site, in bits."""
        codes, width = codes_of(letters), len(self.odds)
        scores = np.full(len(codes), FAR)
        if len(codes) <= width:
            return scores
        windows = np.lib.stride_tricks.sliding_window_view(codes, width + 1)
        found = self.odds[np.arange(width), windows[:, :-1], windows[:, 1:]].sum(1)
        scores[self.before + 1 : self.before + 1 + len(found)] = found
        return scores


def _shares(counts: Float64[np.ndarray, "*places 5 5"]) -> Float64[np.ndarray, "*places 5 4"]:
    """Of each letter given the one before."""
    known = counts[..., :4] + PSEUDO
    return known / known.sum(-1, keepdims=True)
