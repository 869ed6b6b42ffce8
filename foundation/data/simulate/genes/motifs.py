"""Motifs: how well each place of an RNA serves as a donor, as an acceptor, and as part of an exon.

Frequencies are those of vertebrate splice sites, rounded. What is beyond frequencies of single letters is made up, so
that they alone do not tell: a donor needs G at either of two places and a run of G after it, an acceptor needs a
branch point at the right distance, pyrimidines, and no AG between.
"""

from functools import cache

import numpy as np
from jaxtyping import Float64, Int64

LETTERS = "ACGT"
DONOR = np.array([  # A, C, G, T at places -3 to 6 of the junction
    [0.33, 0.36, 0.19, 0.12], [0.60, 0.13, 0.13, 0.14], [0.09, 0.04, 0.80, 0.07],
    [0.001, 0.001, 0.997, 0.001], [0.001, 0.001, 0.001, 0.997],
    [0.52, 0.03, 0.42, 0.03], [0.70, 0.08, 0.12, 0.10], [0.08, 0.05, 0.80, 0.07], [0.17, 0.16, 0.20, 0.47],
])  # fmt: skip
BRANCH = np.array([[0.02, 0.55, 0.02, 0.41], [0.03, 0.04, 0.03, 0.90], [0.3, 0.2, 0.3, 0.2], [0.97, 0.01, 0.01, 0.01],
                   [0.04, 0.56, 0.03, 0.37]])  # fmt: skip
BEFORE = 3  # letters of a donor that are of the exon
TRACT = np.array([-0.5, 0.3, -0.6, 0.45])  # each letter A, C, G, T of the pyrimidine tract adds
TRACT_FROM, TRACT_TO = 20, 3  # places before the exon
BRANCH_FROM, BRANCH_TO = 42, 20  # of the first letter of the branch motif
QUIET = 16  # letters before the AG of an acceptor without another AG
NO_G, NO_RUN, OTHER_AG = -5.0, -6.0, -6.0
RUN = "GGGG"
RUN_FROM, RUN_TO = 8, 60  # of its first letter, after a donor
BRANCH_WORTH = 1.5  # of each bit
ENHANCERS = ("GAAGA", "AGGAA", "GACGA", "GGAGA", "CAAGA")
SILENCERS = ("TAGGG", "TTTAG", "GTTTG", "TGGTT", "CTTAG")
WORD, WORTH = 5, 0.8  # letters of these, and what each adds to an exon or takes from it
NEVER = -1e9

Scores = Float64[np.ndarray, "n"]


def codes_of(letters: str) -> Int64[np.ndarray, "n"]:
    """0 to 3 for A, C, G and T."""
    return _table()[np.frombuffer(letters.encode(), np.uint8)]


def donors(codes: Int64[np.ndarray, "n"]) -> Scores:
    """Log2 odds that an intron begins at each place, NEVER where there is no GT."""
    scores = np.full(len(codes), NEVER)
    fits = _odds(DONOR, codes)
    before, fifth = codes[2 : 2 + len(fits)], codes[7 : 7 + len(fits)]
    scores[BEFORE : BEFORE + len(fits)] = fits + np.where((before == 2) | (fifth == 2), 0, NO_G)
    runs = np.cumsum(np.pad(_runs(codes), (1, RUN_TO)))
    scores += np.where(runs[RUN_TO : RUN_TO + len(codes)] - runs[RUN_FROM : RUN_FROM + len(codes)] > 0, 0, NO_RUN)
    starts = (codes[:-1] == 2) & (codes[1:] == 3)
    return np.where(np.append(starts, False), scores, NEVER)


def acceptors(codes: Int64[np.ndarray, "n"]) -> Scores:
    """How well each place begins an exon: branch point and pyrimidine tract before it; NEVER where no AG ends there."""
    n = len(codes)
    scores = np.full(n, NEVER)
    if n <= BRANCH_FROM:
        return scores
    ag = np.zeros(n, bool)
    ag[2:] = (codes[:-2] == 0) & (codes[1:-1] == 2)
    place = np.flatnonzero(ag)
    place = place[place >= BRANCH_FROM]
    tract, before = (np.concatenate([[0.0], np.cumsum(x)]) for x in (TRACT[codes], ag))
    branch = np.lib.stride_tricks.sliding_window_view(_odds(BRANCH, codes), BRANCH_FROM - BRANCH_TO + 1).max(1)
    other = before[place] - before[place - QUIET] > 0
    scores[place] = (
        tract[place - TRACT_TO]
        - tract[place - TRACT_FROM]
        + BRANCH_WORTH * branch[place - BRANCH_FROM]
        + np.where(other, OTHER_AG, 0)
    )
    return scores


def exonic(letters: str) -> Scores:
    """Sum over the words that begin before each place, n + 1: of enhancers less silencers."""
    found = np.zeros(len(letters) + 1)
    for words, worth in ((ENHANCERS, WORTH), (SILENCERS, -WORTH)):
        for word in words:
            place = letters.find(word)
            while place >= 0:
                found[place + 1] += worth
                place = letters.find(word, place + 1)
    return np.cumsum(found)


def _runs(codes: Int64[np.ndarray, "n"]) -> Int64[np.ndarray, "n"]:
    """1 where RUN begins."""
    runs = np.zeros(len(codes), np.int64)
    if len(codes) >= len(RUN):
        runs[: len(codes) - len(RUN) + 1] = np.lib.stride_tricks.sliding_window_view(codes == 2, len(RUN)).all(1)
    return runs


def _odds(table: Float64[np.ndarray, "width 4"], codes: Int64[np.ndarray, "n"]) -> Float64[np.ndarray, "places"]:
    """Log2 of the frequencies over a quarter each, of the stretch that begins at each place."""
    odds, places = np.log2(4 * table), max(len(codes) - len(table) + 1, 0)
    return sum((row[codes[i : i + places]] for i, row in enumerate(odds)), np.zeros(places))


@cache
def _table() -> Int64[np.ndarray, "128"]:
    table = np.zeros(128, np.int64)
    table[list(LETTERS.encode())] = np.arange(4)
    return table
