"""Metrics: what generated sequences of the task are like, beside what they should be."""

from dataclasses import dataclass

import numpy as np

from foundation.evaluation.anchored.task import COLUMNS, LONGEST, SHORTEST, Sequences, Task


@dataclass(frozen=True)
class Metrics:
    """Fractions of the sequences unless said otherwise.

    Args:
        hit: hold their own motif.
        multi: hold more than one copy of it.
        off_target: hold the motif of another condition.
        length, deviation: mean and standard deviation of the length, in letters.
        in_range: lengths that the task has.
        ks: Kolmogorov-Smirnov distance of the relative place of the first copy from uniform.
        unique: different sequences.
        novel: not among the training sequences; 1 where those are drawn afresh in every step.
    """

    hit: float
    multi: float
    off_target: float
    length: float
    deviation: float
    in_range: float
    ks: float
    unique: float
    novel: float


def measure(task: Task, drawn: Sequences, known: Sequences | None = None) -> Metrics:
    """The metrics of `drawn`; `known` are the training sequences, if there is a fixed set."""
    begins = task.copies(drawn.letters)
    copies, rows = begins.sum(-1), np.arange(len(drawn))
    own = copies[rows, drawn.condition]
    others = (copies > 0).sum(1) - (own > 0)
    first = begins[rows, drawn.condition].argmax(-1)
    relative = ((first + 0.5) / np.maximum(drawn.length - COLUMNS + 1, 1))[own > 0]
    words, seen = _words(drawn), set(_words(known)) if known is not None else set()
    length = drawn.length
    return Metrics(
        float((own > 0).mean()),
        float((own > 1).mean()),
        float((others > 0).mean()),
        float(length.mean()),
        float(length.std()),
        float(((length >= SHORTEST) & (length <= LONGEST)).mean()),
        _distance_from_uniform(relative),
        len(set(words)) / len(words),
        float(np.mean([w not in seen for w in words])),
    )


def _words(sequences: Sequences) -> list[bytes]:
    return [row[:n].astype(np.uint8).tobytes() for row, n in zip(sequences.letters, sequences.length, strict=True)]


def _distance_from_uniform(places: np.ndarray) -> float:
    """1 if there is no place at all."""
    n = len(places)
    if not n:
        return 1.0
    ordered = np.sort(places)
    return float(max((np.arange(1, n + 1) / n - ordered).max(), (ordered - np.arange(n) / n).max()))
