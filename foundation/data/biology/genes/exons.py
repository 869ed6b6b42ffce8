"""Exons: from marks of junctions back to exons, and from probabilities of marks to the likeliest exons.

A row reads: before the transcript, then exon, intron, exon, ..., then after it. What is marked, and where, follows from
these states (foundation/data/biology/genes/layout.py), so the likeliest row is found by dynamic programming.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float64, Int8, Int64

from foundation.data.biology.genes.layout import ACCEPTOR, DONOR, END, NONE, START
from foundation.errors import RecordError

BEFORE, EXON, FIRST, INTRON, AFTER = range(5)  # FIRST of an intron, which has two places at least
SMALLEST = 1e-12  # probability of what is thought impossible


def exons_of(marks: Int8[np.ndarray, "n"] | Int64[np.ndarray, "n"]) -> list[tuple[int, int]]:
    """Exons as (start, end), counted from the first place, of a track of junctions in five classes.

    A transcript whose first or last exon ends with the row has no mark there; a row without marks has no exon.

    Raises:
        RecordError: marks that begin and end no exons in turn.
    """
    starts = np.flatnonzero((marks == START) | (marks == ACCEPTOR)) + 1
    ends = np.flatnonzero((marks == END) | (marks == DONOR))
    begins = [0, *starts] if len(ends) and (not len(starts) or ends[0] < starts[0]) else list(starts)
    stops = [*ends, len(marks)] if len(ends) < len(begins) else list(ends)
    exons = [(int(a), int(b)) for a, b in zip(begins, stops, strict=False)]
    if len(begins) != len(stops) or any(a >= b for a, b in exons) or any(b > a for (_, b), (a, _) in pairwise(exons)):
        raise RecordError(
            f"{len(begins)} marks that begin exons and {len(stops)} that end them, not in turn. Give rows of one "
            "transcript each, as `foundation genes ingest` makes."
        )
    return exons


def likeliest(probability: Float64[np.ndarray, "n size"]) -> list[tuple[int, int]]:
    """The exons whose marks are likeliest, each place by itself.

    Args:
        probability: of the five classes, in their order; further columns are not read.

    Raises:
        ValueError: fewer than five columns.
    """
    if probability.shape[1] <= END:
        raise ValueError(f"{probability.shape[1]} classes of junctions, {END + 1} are wanted.")
    state = _states(np.log(np.maximum(probability[:, : END + 1], SMALLEST)).tolist())
    inside = np.flatnonzero(np.diff(np.concatenate([[False], state == EXON, [False]]).astype(int)))
    return [(int(a), int(b)) for a, b in inside.reshape(-1, 2)]


def _states(score: Sequence[Sequence[float]]) -> Int64[np.ndarray, "n"]:
    """The best state of each place.

    A mark stands on the place beside an exon that is not of it: that of an acceptor or of the start on the last before
    it, that of a donor or of the end on the first after it. So moves are scored with the place that is not exonic.
    """
    best = [score[0][NONE], score[0][NONE], -math.inf, -math.inf, -math.inf]
    back: list[list[int]] = []
    for before, here in pairwise(score):
        choices = [max((best[old] + gain, old) for old, gain in moves) for moves in _moves(before, here)]
        best = [value for value, _ in choices]
        back.append([old for _, old in choices])
    best[FIRST] = best[INTRON] = -math.inf
    path = [best.index(max(best))]
    for moves in reversed(back):
        path.append(moves[path[-1]])
    return np.array(path[::-1])


def _moves(before: Sequence[float], here: Sequence[float]) -> Sequence[Sequence[tuple[int, float]]]:
    """For each state of a place the states that may come before, and what the move adds.

    Where an exon begins, the place before it was scored as unmarked, which is taken back.
    """
    plain = here[NONE]
    start, acceptor = (plain + before[mark] - before[NONE] for mark in (START, ACCEPTOR))
    return (
        ((BEFORE, plain),),
        ((EXON, plain), (BEFORE, start), (INTRON, acceptor)),
        ((EXON, here[DONOR]),),
        ((INTRON, plain), (FIRST, plain)),
        ((AFTER, plain), (EXON, here[END])),
    )
