"""Exons from marks, there and back; the likeliest exons against trying all of them."""

from itertools import combinations, pairwise

import numpy as np
import pytest

from foundation.data.biology.genes.exons import exons_of, likeliest
from foundation.data.biology.genes.layout import Span, tracks_of
from foundation.data.biology.genes.transcript import Transcript
from foundation.errors import RecordError


def marks_of(exons, n, strand=1):
    transcript = Transcript("t", "c", strand, tuple(exons))
    return tracks_of(transcript, Span(0, n, strand))["splice_jctns_5cls"].values


@pytest.mark.parametrize(
    "exons", [[(3, 9)], [(3, 9), (20, 24), (30, 41)], [(0, 5), (8, 12)], [(4, 6), (9, 50)], [(0, 50)]]
)
def test_marks_of_exons_are_read_back(exons):
    assert exons_of(marks_of(exons, 50)) == (exons if exons != [(0, 50)] else [])


def test_certain_marks_give_their_exons():
    exons = [(3, 9), (20, 24), (30, 41)]
    probability = np.eye(8)[marks_of(exons, 50)]
    assert likeliest(probability) == exons


def every_row(n):
    """All exons with one or two introns or none, within a row that they leave at both ends."""
    for count in (1, 2, 3):
        for edges in combinations(range(1, n), 2 * count):
            exons = list(zip(edges[::2], edges[1::2], strict=True))
            if all(b[0] - a[1] > 1 for a, b in pairwise(exons)):  # a mark for each end
                yield exons


def test_the_likeliest_exons_are_the_best_of_all(n=11):
    """Where marks cannot be at the ends of the row, all rows are tried."""
    rng = np.random.default_rng(0)
    rows = list(every_row(n))
    marks = np.array([marks_of(exons, n) for exons in rows])
    for _ in range(30):
        probability = rng.dirichlet(np.full(5, 0.5), n)
        probability[[0, -1], 0] = 1  # an exon that the row cuts is marked once, here never
        probability[0, 3], probability[-1, 4] = 1, 1
        logs = np.log(np.maximum(probability, 1e-12))
        score = logs[np.arange(n), marks].sum(1)
        found = likeliest(probability)
        assert logs[np.arange(n), marks_of(found, n)].sum() >= score.max() - 1e-9


@pytest.mark.parametrize("marks", [[0, 2, 0, 2, 0], [0, 3, 0, 3, 0], [0, 1, 1, 0, 4], [0, 2, 0, 4, 0]])
def test_marks_that_are_no_transcript_are_refused(marks):
    with pytest.raises(RecordError, match="not in turn"):
        exons_of(np.array(marks))


def test_too_few_classes_are_refused():
    with pytest.raises(ValueError, match="3 classes"):
        likeliest(np.ones((4, 3)))
