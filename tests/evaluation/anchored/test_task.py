"""Task: sequences are what they should be, counted by regular expressions, and the ceilings are the known ones."""

import re

import numpy as np
import pytest

from foundation.evaluation.anchored.ceiling import pair_ceiling
from foundation.evaluation.anchored.metrics import measure
from foundation.evaluation.anchored.task import LETTERS, MOTIFS, Sequences, Task

N = 800
NEXT = {"A": "[AC]", "C": "[CG]", "G": "[GU]", "U": "[UA]"}
PATTERNS = {
    "fixed": lambda m: m,
    "degenerate": lambda m: "".join(NEXT[c] if i % 2 else c for i, c in enumerate(m)),
    "bipartite": lambda m: f"{m[:3]}.{{0,4}}?{m[3:]}",
}
KNOWN = (0.916, 0.727, 0.904, 0.802, 0.752, 0.935, 0.781, 0.768)  # drawn independently, about 0.005 each


def words(sequences):
    return ["".join(LETTERS[i] for i in row[:n]) for row, n in zip(sequences.letters, sequences.length, strict=True)]


@pytest.mark.parametrize("variant", PATTERNS)
def test_every_sequence_holds_its_motif(variant):
    task, rng = Task(variant), np.random.default_rng(0)
    drawn = task.draw(np.arange(N) % 8, None, rng)
    copies = task.copies(drawn.letters).sum(-1)
    for word, condition, found in zip(words(drawn), drawn.condition, copies, strict=True):
        assert found[condition] >= 1 and 30 <= len(word) <= 50
        for motif, count in zip(MOTIFS, found, strict=True):
            assert (count > 0) == bool(re.search(PATTERNS[variant](motif), word))
            if variant != "bipartite":
                assert count == len(re.findall(f"(?={PATTERNS[variant](motif)})", word))
    assert measure(task, drawn).hit == 1


def test_anchor_stands_in_the_motif():
    drawn = Task().draw(np.arange(N) % 8, 2, np.random.default_rng(1))
    for word, anchor, condition in zip(words(drawn), drawn.anchor, drawn.condition, strict=True):
        assert word[anchor - 3 : anchor + 3] == MOTIFS[condition]
    drawn = Task().draw(np.arange(N) % 8, None, np.random.default_rng(1))
    phases = [
        next(k for k in range(6) if word[max(anchor - k - 1, 0) :].startswith(MOTIFS[condition]))
        for word, anchor, condition in zip(words(drawn), drawn.anchor, drawn.condition, strict=True)
    ]
    assert (np.abs(np.bincount(phases) / N - 1 / 6) < 0.06).all()


def test_ceiling_of_pairs():
    found = pair_ceiling(Task(), None, 20_000, np.random.default_rng(0))
    assert found == pytest.approx(KNOWN, abs=0.01)
    assert found.mean() == pytest.approx(0.823, abs=0.005)


@pytest.mark.parametrize("variant", PATTERNS)
def test_nothing_is_lost_where_the_phase_is_known(variant):
    assert (pair_ceiling(Task(variant), 2, 500, np.random.default_rng(0)) == 1).all()


def test_metrics_of_a_hand_made_set():
    texts = ["UGGUGU" * 5, "A" * 30, "UGGUGU" * 5, "A" * 20 + "UAACCU"]
    letters = np.full((4, 50), -1)
    for row, text in zip(letters, texts, strict=True):
        row[: len(text)] = [LETTERS.index(c) for c in text]
    drawn = Sequences(letters, np.array([*map(len, texts)]), np.zeros(4, dtype=int), np.array([0, 0, 0, 0]))
    found = measure(Task(), drawn, drawn.select(np.array([1])))
    assert (found.hit, found.multi, found.off_target, found.in_range) == (0.5, 0.5, 0.25, 0.75)
    assert (found.unique, found.novel, found.length) == (0.75, 0.75, 29.0)
    assert found.ks == pytest.approx(1 - 0.5 / 25)  # all begin at the first place of 25
