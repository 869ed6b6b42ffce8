"""Kept: a blind model that is weighed so draws exactly as blind sequences that happen to fulfil the constraints are."""

from collections import defaultdict

import numpy as np
import pytest
import torch

from foundation.errors import FoundationError
from foundation.model.anchored.order import EOS, LEFT, RIGHT
from foundation.sampling.anchored.choices import Constraint
from foundation.sampling.design.constraints import Constraints
from foundation.sampling.design.kept import Kept
from foundation.sampling.design.lookahead import Lookahead
from foundation.sampling.design.outlook import Outlook


def probabilities(constraints, anchor, blind):
    """(left, right) -> probability that it is drawn, the sides taking turns, by following every way there is."""
    found, going = defaultdict(float), {("", "", ""): 1.0}
    while going:
        further = defaultdict(float)
        for (history, left, right), p in going.items():
            side, kept = replayed(constraints, anchor, history)
            if side is None:
                found[left, right] += p
                continue
            weight = kept.log_weights(side, torch.tensor([0]))[0].exp().numpy() * blind(side, left)
            for i in np.flatnonzero(weight):
                letter = "ACGU"[i] if i < EOS else ""
                where = (letter + left, right) if side == LEFT else (left, right + letter)
                further[history + "ACGU."[i], *where] += p * weight[i] / weight.sum()
        going = further
    return found


def replayed(constraints, anchor, history):
    """The side whose turn it is (None = both have ended) after these symbols, and the constraint that was told them."""
    kept, ended, side = Kept(constraints, 1, anchor, np.random.default_rng(0)), set(), RIGHT
    for symbol in history:
        kept.advance(side, torch.tensor([0]), torch.tensor(["ACGU.".index(symbol)]))
        ended |= {side} if symbol == "." else set()
        side = side if 1 - side in ended else 1 - side
    return (None if len(ended) == 2 else side), kept


@pytest.mark.parametrize(
    ("text", "anchor"),
    [
        ("require AC; length 2-3", None),
        ("forbid AA; require CG; length 1-3", None),
        ("require GU @ 2-3; length 3-4", 1),
    ],
)
def test_a_blind_model_is_conditioned_exactly(text, anchor, oracle):
    constraints = Constraints.parse(text)
    end = Outlook.of(constraints, Lookahead.of(constraints, anchor is not None)).end

    def blind(side, left):
        if side == LEFT and anchor is not None:  # as many letters as the anchor says
            return np.array([0.25] * 4 + [0.0]) if len(left) < anchor else np.eye(5)[EOS]
        return np.array([(1 - end) / 4] * 4 + [end])

    fulfils = {"require": constraints.require, "forbid": constraints.forbid, "length": constraints.lengths}
    prior = {}
    for word in oracle.words(*constraints.lengths):
        if oracle.fulfils(word, **fulfils):
            for at in range(len(word) + 1) if anchor is None else [anchor]:
                left, right = word[:at], word[at:]
                ends = end if anchor is not None else end * end
                free = len(right) if anchor is not None else len(word)
                prior[left, right] = 0.25 ** len(word) * (1 - end) ** free * ends
    found = probabilities(constraints, anchor, blind)
    assert set(found) == set(prior)
    for pair, p in prior.items():
        assert found[pair] == pytest.approx(p / sum(prior.values()))


def test_a_required_motif_stands_anywhere():
    """A blind model of long sequences that end late would else have its motif at the last possible place."""
    samples, rng = torch.arange(300), np.random.default_rng(3)
    kept = Kept(Constraints(require=("GGGGGG",), length=(20, 40)), 300, None, rng)
    words, open_ = [["", ""] for _ in range(300)], np.ones((300, 2), dtype=bool)
    while open_.any():
        for side in (RIGHT, LEFT):
            rows = np.flatnonzero(open_[:, side])
            if not len(rows):
                continue
            weight = kept.log_weights(side, samples[rows]).exp().numpy() * np.array([0.2375] * 4 + [0.05])
            ids = (weight.cumsum(1) > rng.random(len(rows))[:, None] * weight.sum(1, keepdims=True)).argmax(1)
            kept.advance(side, samples[rows], torch.from_numpy(ids))
            open_[rows[ids == EOS], side] = False
            for row, i in zip(rows, ids, strict=True):
                if i < EOS:
                    left, right = words[row]
                    words[row] = ["ACGU"[i] + left, right] if side == LEFT else [left, right + "ACGU"[i]]
    whole = ["".join(w) for w in words]
    place = np.array([w.index("GGGGGG") / (len(w) - 6) for w in whole])
    assert 0.4 < place.mean() < 0.6 and place.std() > 0.2
    assert np.mean([len(w) == 40 for w in whole]) < 0.15


def test_it_is_a_constraint_and_what_it_forbids_is_infinite():
    kept = Kept(Constraints(template="ANNG"), 3, None, np.random.default_rng(0))
    assert isinstance(kept, Constraint)
    weights = kept.log_weights(RIGHT, torch.tensor([2, 0]))
    assert weights.shape == (2, 5) and (weights.max(1).values == 0).all() and (weights == -torch.inf).any()


def test_long_templates_do_not_underflow():
    kept = Kept(Constraints(template="ACGU" * 200), 1, 400, np.random.default_rng(0))
    assert kept.log_weights(RIGHT, torch.tensor([0])).tolist() == [[0.0, *[-torch.inf] * 4]]


def test_tables_beyond_memory_are_refused():
    motifs = tuple("ACGU"[i % 4] + "ACGUUGCAACGUGGCAU"[i:] + "ACCGGUU"[: i % 7] for i in range(9))
    kept = Constraints(require=motifs[:7], gc=(0.1, 0.9), length=(400, 1000))
    with pytest.raises(FoundationError, match="need tables of"):
        Kept(kept, 1, None, np.random.default_rng(0)).log_weights(RIGHT, torch.tensor([0]))
