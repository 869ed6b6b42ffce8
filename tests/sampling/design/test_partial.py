"""Partial: exactly the letters are allowed that some completion fulfils, and what results always fulfils everything."""

import numpy as np
import pytest

from foundation.errors import FoundationError
from foundation.sampling.design.constraints import Constraints
from foundation.sampling.design.lookahead import Lookahead
from foundation.sampling.design.partial import END, Partial


def grown(partial, rng, order, seen=lambda partial, side, pieces: None):
    """Sequences drawn evenly among the allowed letters; both sides in `order`, or a side at random each time."""
    pieces = [["", ""] for _ in partial.length]
    while (partial.left | partial.right).any():
        for side in order or rng.choice(["left", "right"], 1):
            seen(partial, side, pieces)
            allowed = partial.allowed(side)
            ids = (allowed * rng.random(allowed.shape)).argmax(1)
            partial = partial.advance(side, ids)
            for piece, i in zip(pieces, ids, strict=True):
                if i < END:
                    piece[side == "right"] = "ACGU"[i] + piece[0] if side == "left" else piece[1] + "ACGU"[i]
    return pieces


@pytest.mark.parametrize("seed", range(24))
def test_allowed_is_what_some_completion_fulfils(oracle, seed):
    rng = np.random.default_rng(seed)
    options = oracle.random_constraints(rng, (2, 6), 3)
    good = [w for w in oracle.words(2, 6) if oracle.fulfils(w, **options)]
    ahead = Lookahead.of(Constraints(**options), known=bool(rng.random() < 0.3))
    places = sorted({p for w in good for p in range(len(w) + 1)})
    assert ahead.gaps().tolist() == places
    if not good:
        return

    def completable(row, partial, word):
        if not partial.left[row]:
            fits = [w for w in good if w.startswith(word) and partial.gap[row] == 0]
        elif ahead.known:
            gap = partial.gap[row]
            fits = [w for w in good if gap >= 0 and w[gap : gap + len(word)] == word and len(w) >= gap + len(word)]
        else:
            fits = [w for w in good if word in w]
        if partial.right[row]:
            return bool(fits)
        if ahead.known and partial.left[row]:
            return any(len(w) == partial.gap[row] + len(word) for w in fits)
        return any(w.endswith(word) and (partial.left[row] or w == word) for w in fits)

    def compare(partial, side, pieces):
        allowed = partial.allowed(side)
        for row, (left, right) in enumerate(pieces):
            if not (partial.left if side == "left" else partial.right)[row]:
                assert allowed[row].tolist() == [False] * END + [True]
                continue
            for i, letter in enumerate([*"ACGU", ""]):
                after = partial._after(side, np.full(len(pieces), i))
                word = letter + left + right if side == "left" else left + right + letter
                assert allowed[row, i] == completable(row, after, word)

    partial = Partial.begin(ahead, rng.choice(places, 3))
    for left, right in grown(partial, rng, [("right", "left"), None][seed % 2], compare):
        assert left + right in good


@pytest.mark.parametrize("order", [("right", "left"), ("left", "right"), None])
def test_everything_holds_in_all_outputs(oracle, order):
    rng, tried = np.random.default_rng(5), 0
    for _ in range(16):
        options = oracle.random_constraints(rng, (12, 30), 6)
        ahead = Lookahead.of(Constraints(**options), known=bool(rng.random() < 0.3))
        if not len(ahead.gaps()):
            continue
        tried += 1
        before = rng.choice(ahead.gaps(), 20)
        for (left, right), at in zip(grown(Partial.begin(ahead, before), rng, order), before, strict=True):
            assert oracle.fulfils(left + right, **options)
            assert not ahead.known or len(left) == at
    assert tried > 8


def test_forbidden_motif_never_appears_in_a_thousand(oracle):
    ahead = Lookahead.of(Constraints(forbid=("GAAUUC", "RRRR"), length=(20, 30)), known=False)
    drawn = grown(Partial.begin(ahead, np.zeros(1000, dtype=int)), np.random.default_rng(0), ("right", "left"))
    assert len({a + b for a, b in drawn}) > 990
    assert all(oracle.fulfils(a + b, forbid=("GAAUUC", "RRRR"), length=(20, 30)) for a, b in drawn)


def test_a_choice_that_is_not_allowed_is_refused():
    partial = Partial.begin(Lookahead.of(Constraints(template="ANN"), known=False), np.array([1, 1]))
    with pytest.raises(FoundationError, match="not allowed"):
        partial.advance("left", np.array([0, 1]))
    with pytest.raises(FoundationError, match="with 7 letters left of the anchor; possible are 0-3"):
        Partial.begin(partial.lookahead, np.array([1, 7]))


def test_kept_rows_go_on_as_before():
    partial = Partial.begin(
        Lookahead.of(Constraints(length=(3, 5), gc=(0.5, 1.0)), known=False), np.zeros(4, dtype=int)
    )
    partial = partial.advance("right", np.array([0, 1, 2, 3]))
    kept = partial.keep(np.array([3, 1]))
    assert (kept.allowed("left") == partial.allowed("left")[[3, 1]]).all()
    assert kept.gc.tolist() == [0, 1]
