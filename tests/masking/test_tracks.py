"""SplitTrack: what pathways show and ask, budgets, runs, text, refusals."""

from dataclasses import replace

import pytest
import torch

from foundation.errors import FoundationError
from foundation.masking import Pathway, SplitTrack
from foundation.masking.context import Context
from foundation.masking.policy import NOTHING
from foundation.tokens import Axis, Space, Tokens, concatenate

PLACES = (Axis("place", "", 0, 1e6, 1),)


def sample(**lengths):
    spaces = [Space(name, "discrete", 9, PLACES) for name in lengths]
    return concatenate(
        [
            Tokens.of_space(space, torch.zeros(n), torch.arange(n)[:, None].double(), track)
            for track, (space, n) in enumerate(zip(spaces, lengths.values(), strict=True))
        ]
    )


def steps(policy, tokens, name, draws=200):
    generator = torch.Generator().manual_seed(0)
    return torch.stack([policy(tokens, generator)[tokens.of(name)] for _ in range(draws)])


def test_a_pathway_shows_and_asks_what_it_says():
    tokens = sample(rna=30, junctions=30, aa=10, atac=30)
    policy = SplitTrack((Pathway(asked=("junctions",), given=("rna",), optional=("atac",)),))
    assert (steps(policy, tokens, "junctions") == 1).all()
    assert (steps(policy, tokens, "aa") == -1).all()
    rna, atac = steps(policy, tokens, "rna"), steps(policy, tokens, "atac")
    assert set(rna.unique().tolist()) == set(atac.unique().tolist()) == {-1, 0}
    assert 0.6 < (rna == 0).float().mean() < 0.9  # whole in half of the draws, else a uniform share
    absent = (atac == -1).all(1).float().mean()
    assert 0.4 < absent < 0.6


def test_given_and_asked_at_once_is_split_and_never_all_shown():
    tokens = sample(rna=12)
    found = steps(SplitTrack((Pathway(asked=("rna",), given=("rna",)),)), tokens, "rna", 500)
    assert ((found == 0) | (found == 1)).all() and (found == 1).any(1).all()
    shares = (found == 0).float().mean(1)
    assert abs(shares.mean() - 0.5) < 0.08 and shares.min() < 0.1 and shares.max() > 0.85


def test_runs_have_fewer_edges_than_single_places():
    tokens = sample(rna=400)
    edges = []
    for contiguous in (0.0, 1.0):
        policy = SplitTrack((Pathway(asked=("rna",), given=("rna",)),), contiguous=contiguous)
        edges.append((steps(policy, tokens, "rna", 50).diff(dim=1) != 0).float().mean())
    assert edges[1] < edges[0] / 5


def test_budgets_and_text():
    tokens = sample(rna=50, aa=40, caption=30)
    pathway = Pathway(asked=("aa", "caption"), given=("rna", "caption"))
    policy = SplitTrack((pathway,), budget_given=20, budget_asked=60, text=("caption",), whole=1.0)
    rna, aa, caption = (steps(policy, tokens, name, 20) for name in ("rna", "aa", "caption"))
    assert (rna == 0).sum(1).eq(20).all()
    assert ((aa == 1).sum(1) + (caption == 1).sum(1) == 60).all()
    free = SplitTrack((pathway,), text=("caption",))
    assert (steps(free, tokens, "caption") == 1).all()


def test_pathways_are_drawn_by_weight_among_those_that_fit():
    tokens = sample(rna=4, aa=4)
    paths = (
        Pathway(asked=("aa",), weight=3),
        Pathway(asked=("rna",)),
        Pathway(asked=("aa",), given=("dssp",), weight=90),
    )
    share = (steps(SplitTrack(paths), tokens, "aa", 1000)[:, 0] == 1).float().mean()
    assert abs(share - 0.75) < 0.05


def test_support_names_what_can_be_drawn():
    policy = SplitTrack((Pathway(asked=("a",), given=("b",), optional=("c",)), Pathway(asked=("c",))))
    assert policy.support(["a", "b", "c"]) == {("b", "a"), ("c", "a"), (NOTHING, "c")}


def test_known_codes_are_shown_wherever_they_stand_in_half_of_the_draws():
    tokens = sample(rna=40, junctions=40)
    ids = tokens.ids.clone()
    ends = tokens.of("junctions")[[3, 30]]
    ids[ends] = torch.tensor([3, 4])
    tokens = replace(tokens, ids=ids)
    policy = SplitTrack((Pathway(asked=("junctions",), given=("rna",), known={"junctions": (3, 4)}),))
    found = steps(policy, tokens, "junctions", 400)
    known = (found == 0).any(1)
    assert 0.4 < known.float().mean() < 0.6
    assert (found[~known] == 1).all()
    assert (found[known][:, [3, 30]] == 0).all() and (found[known] == 0).sum(1).eq(2).all()
    assert ("junctions", "junctions") in policy.support(["rna", "junctions"])
    short = replace(policy, context=Context(longest=10))
    found = steps(short, tokens, "junctions", 400)
    known = (found[:, [3, 30]] == 0).all(1)
    assert 0.4 < known.float().mean() < 0.6, "both, though a stretch holds one at most"
    assert (found[known] == 0).sum(1).eq(2).all() and (found[~known] != 0).all()
    assert ((found >= 0).sum(1) <= 12).all(), "nothing else of what lies outside the stretch"


def test_same_generator_same_answer():
    tokens, policy = sample(rna=30), SplitTrack((Pathway(asked=("rna",), given=("rna",)),))
    a, b = (policy(tokens, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(a, b)


def test_refusals():
    with pytest.raises(FoundationError, match="fits none of 1 pathways"):
        SplitTrack((Pathway(asked=("aa",)),))(sample(rna=3), torch.Generator())
    with pytest.raises(FoundationError, match="at least one pathway"):
        SplitTrack(())
    with pytest.raises(FoundationError, match="at least one space"):
        Pathway(asked=())
    with pytest.raises(FoundationError, match="codes of rna are known, asked is aa"):
        Pathway(asked=("aa",), known={"rna": (1,)})
