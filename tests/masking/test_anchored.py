"""Growth from an anchor, from left to right and in any order, on tokens in no particular order."""

import itertools

import pytest
import torch

from foundation.errors import FoundationError
from foundation.masking import AnchoredOutward, AnyOrder, LeftToRight
from foundation.masking.policy import NOTHING
from foundation.tokens import Axis, Space, Tokens, concatenate

LETTER = Space("letter", "discrete", 5, (Axis("letter", "nucleotide", -9, 9, 1),))
RESIDUE = Space("residue", "discrete", 21, (Axis("residue", "residue", 0, 9, 1),))


def sample(lefts, rights, generator):
    """So many letters left of the anchor, at -lefts + 1 ... 0, and right of it, at 1 ... rights, beside residues."""
    position = torch.arange(1.0 - lefts, rights + 1).double()[:, None]
    letters = Tokens.of_space(LETTER, torch.zeros(lefts + rights), position)
    residues = Tokens.of_space(RESIDUE, torch.zeros(3), torch.arange(3.0).double()[:, None])
    joined = concatenate([residues, letters])
    return joined.select(torch.randperm(len(joined), generator=generator))


def steps(tokens, reveal):
    """Step of each letter by its position; residues must be given."""
    is_letter = torch.isin(torch.arange(len(tokens)), tokens.of("letter"))
    assert (reveal[~is_letter] == 0).all()
    return {int(p): int(r) for p, r in zip(tokens.position[is_letter, 0], reveal[is_letter], strict=True)}


def test_pairs_come_one_from_each_side(generator):
    tokens = sample(2, 4, generator)
    found = steps(tokens, AnchoredOutward("letter")(tokens, generator))
    assert found == {1: 1, 2: 2, 0: 2, 3: 3, -1: 3, 4: 4}


def test_interleaved_sides_take_turns_until_one_has_ended(generator):
    tokens = sample(2, 4, generator)
    found = steps(tokens, AnchoredOutward("letter", "interleaved")(tokens, generator))
    assert found == {1: 1, 0: 2, 2: 3, -1: 4, 3: 5, 4: 6}


@pytest.mark.parametrize("factorisation", ["pairs", "interleaved"])
@pytest.mark.parametrize(("lefts", "rights"), [c for c in itertools.product(range(4), repeat=2) if sum(c)])
def test_steps_have_no_gap_and_go_outwards(lefts, rights, factorisation, generator):
    tokens = sample(lefts, rights, generator)
    found = steps(tokens, AnchoredOutward("letter", factorisation)(tokens, generator))
    assert set(found.values()) == set(range(1, max(found.values()) + 1))
    assert all(found[k] < found[k + 1] for k in range(1, rights))
    assert all(found[1 - k] < found[-k] for k in range(1, lefts))
    if factorisation == "interleaved":
        assert max(found.values()) == lefts + rights


def test_a_drawn_anchor_is_any_place(generator):
    tokens = sample(0, 3, generator)
    policy, firsts = AnchoredOutward("letter", "interleaved", anchor=None), set()
    for _ in range(60):
        found = steps(tokens, policy(tokens, generator))
        firsts.add(tuple(sorted(found, key=found.get)))
    # anchors after no, one, two and three letters
    assert firsts == {(1, 2, 3), (2, 1, 3), (3, 2, 1)}


def test_left_to_right_and_any_order(generator):
    tokens = sample(2, 3, generator)
    ranks = steps(tokens, LeftToRight("letter")(tokens, generator))
    assert [ranks[p] for p in sorted(ranks)] == [1, 2, 3, 4, 5]
    drawn = {tuple(steps(tokens, AnyOrder("letter")(tokens, generator)).values()) for _ in range(40)}
    assert len(drawn) > 20 and all(sorted(order) == [1, 2, 3, 4, 5] for order in drawn)


@pytest.mark.parametrize("policy", [AnchoredOutward("letter"), LeftToRight("letter"), AnyOrder("letter")])
def test_support_and_refusals(policy, generator):
    assert policy.support(("residue", "letter")) == {(g, "letter") for g in ("residue", "letter", NOTHING)}
    assert policy.support(("residue",)) == frozenset()
    tokens = sample(1, 1, generator)
    with pytest.raises(FoundationError, match="no token of 'letter', only of residue"):
        policy(tokens.select(tokens.of("residue")), generator)
