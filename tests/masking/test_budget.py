import numpy as np
import pytest
import torch
from scipy.stats import chisquare, kstest

from foundation.errors import FoundationError
from foundation.masking.budget import LeadingSpace, RandomBudget, allot
from foundation.masking.policy import NOTHING
from foundation.tokens import Space, Tokens, concatenate

POLICIES = {
    "sparse": RandomBudget(40, 25),
    "even": RandomBudget(40, 25, alpha=10.0),
    "drawn": RandomBudget((1, 60), 25, alpha=0.5),
    "paper": LeadingSpace(40, 25),
}


def sample_of(*sizes):
    return concatenate(
        [Tokens.of_space(Space(f"s{i}", "discrete", 8), torch.arange(n) % 8) for i, n in enumerate(sizes)]
    )


def random_sample(generator):
    n = int(torch.randint(1, 9, (), generator=generator))
    sizes = torch.randint(0, 40, (n,), generator=generator) * torch.randint(0, 2, (n,), generator=generator)
    return sample_of(*(sizes + (torch.rand(n, generator=generator) < 0.4)).tolist(), 1, 1)


def numbers(reveal):
    assert reveal.dtype == torch.long
    assert set(reveal.tolist()) <= {-1, 0, 1}
    return int((reveal == 0).sum()), int((reveal == 1).sum())


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES.keys())
def test_budgets_are_met_exactly_or_every_token_is_used(policy, generator):
    for _ in range(200):
        tokens = random_sample(generator)
        given, asked = numbers(policy(tokens, generator))
        assert given >= 1
        assert asked >= 1
        assert given <= 60
        assert asked <= 25
        if len(tokens) <= 26:  # no draw of the budgets fits beside the other
            assert given + asked == len(tokens) or policy is POLICIES["drawn"]
        if len(tokens) >= 85:
            assert asked == 25
        if policy is not POLICIES["drawn"]:
            assert given + asked == min(len(tokens), 65)
            assert len(tokens) < 65 or given == 40


def test_budgets_shrink_in_proportion_when_the_sample_is_small(generator):
    assert numbers(RandomBudget(60, 30)(sample_of(9, 9, 9, 3), generator)) == (20, 10)
    assert numbers(RandomBudget(256, 1)(sample_of(1, 1), generator)) == (1, 1)
    assert numbers(RandomBudget(1, 256)(sample_of(2), generator)) == (1, 1)
    assert numbers(RandomBudget(4, 4)(sample_of(1), generator)) == (1, 0)


def test_a_drawn_context_covers_its_range_uniformly(generator):
    policy = RandomBudget((3, 12), 5)
    seen = torch.tensor([numbers(policy(sample_of(30, 30, 1), generator))[0] for _ in range(600)])
    observed = torch.bincount(seen, minlength=13)
    assert observed[:3].sum() == 0
    assert chisquare(observed[3:].numpy()).pvalue > 1e-3


def test_every_space_leads_equally_often(generator):
    """With a budget of one token, the space that gives it is uniform over spaces, whatever their sizes."""
    for policy in (RandomBudget(1, 1, alpha=0.3), LeadingSpace(1, 1)):
        tokens = sample_of(500, 1, 30, 2, 1)
        leader = torch.stack([tokens.space[(policy(tokens, generator) == 0)][0] for _ in range(600)])
        assert chisquare(torch.bincount(leader, minlength=5).numpy()).pvalue > 1e-3


def test_tokens_of_a_space_are_drawn_uniformly(generator):
    tokens = sample_of(20, 20)
    count = torch.zeros(2, 40)
    for _ in range(600):
        reveal = RandomBudget(10, 10, alpha=1.0)(tokens, generator)
        count[0] += reveal == 0
        count[1] += reveal == 1
    for row in count:
        assert chisquare(row[:20].numpy()).pvalue > 1e-3
        assert abs(row[:20].sum() / row[20:].sum() - 1) < 0.25


def test_small_spaces_are_asked_as_often_as_given(generator):
    """The larger context budget must not swallow every one-token space."""
    tokens = sample_of(64, 64, 1, 1, 1)
    reveal = torch.stack([RandomBudget(64, 32, alpha=1.0)(tokens, generator)[-3:] for _ in range(600)])
    assert 0.4 < (reveal == 1).double().mean() < 0.6
    assert 0.4 < (reveal == 0).double().mean() < 0.6


def test_small_concentration_gives_single_spaces_and_large_gives_all(generator):
    tokens = sample_of(50, 50, 50, 50)

    def spaces_given(alpha):
        policy = RandomBudget(20, 20, alpha=alpha)
        return [len(tokens.space[policy(tokens, generator) == 0].unique()) for _ in range(200)]

    assert sum(n == 1 for n in spaces_given(0.02)) > 150
    assert sum(n == 4 for n in spaces_given(50.0)) > 190


def test_first_share_of_a_flat_dirichlet_has_its_known_distribution(generator):
    """Dirichlet(1, 1, 1): the share of one component is Beta(1, 2)."""
    tokens = sample_of(2000, 2000, 2000)
    policy = RandomBudget(2000, 1, alpha=1.0)
    share = [float((policy(tokens, generator)[:2000] == 0).sum()) / 2000 for _ in range(300)]
    assert kstest(share, "beta", args=(1, 2)).pvalue > 1e-3


def test_paper_scheme_skews_later_targets_to_zero(generator):
    """Of three spaces with plenty of tokens the first takes all; with scarce ones the rest get small shares first."""
    tokens = sample_of(200, 200, 200)
    policy = LeadingSpace(40, 25)
    asked = [tokens.space[policy(tokens, generator) == 1].unique() for _ in range(50)]
    assert all(len(spaces) == 1 for spaces in asked)
    given = torch.tensor([torch.bincount(tokens.space[policy(tokens, generator) == 0]).max() for _ in range(300)])
    assert (given == 40).double().mean() > 0.5  # a leader of 200 tokens draws more than the whole budget most often


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES.keys())
def test_pure_in_tokens_and_generator(policy):
    tokens = sample_of(30, 1, 40, 1)
    before = tokens.ids.clone()
    one, two = (torch.Generator().manual_seed(7) for _ in range(2))
    first = policy(tokens, one)
    assert torch.equal(first, policy(tokens, two))
    assert torch.equal(tokens.ids, before)
    assert not torch.equal(first, policy(tokens, one)), "the generator must have moved on"
    assert not torch.equal(one.get_state(), torch.Generator().manual_seed(7).get_state())


@pytest.mark.parametrize(
    "policy",
    [
        *POLICIES.values(),
        RandomBudget(5, 5, unconditional=0.5),
        RandomBudget(5, 5, never_given=("s0",), never_asked=("s1", "s2")),
    ],
)
def test_support_is_what_is_drawn(policy, generator):
    tokens = sample_of(6, 2, 1, 1)
    names = [s.name for s in tokens.spaces]
    seen = set()
    for _ in range(500):
        reveal = policy(tokens, generator)
        given = {names[i] for i in tokens.space[reveal == 0].tolist()} or {NOTHING}
        seen |= {(g, names[a]) for g in given for a in tokens.space[reveal == 1].tolist()}
    reachable = {(g, a) for g, a in policy.support(names) if not (g == a and tokens.of(g).numel() == 1)}
    assert reachable == seen


def test_restrictions_hold_and_still_ask_something(generator):
    policy = RandomBudget(20, 10, never_given=("s0",), never_asked=("s1",))
    for _ in range(300):
        tokens = random_sample(generator)
        reveal = policy(tokens, generator)
        assert not (reveal[tokens.of("s0")] == 0).any()
        assert not (reveal[tokens.of("s1")] == 1).any()
        assert (reveal == 1).any()
    only = RandomBudget(20, 10, never_asked=("s0", "s2"))
    for _ in range(50):
        assert numbers(only(sample_of(30, 1, 5), generator)) == (20, 1)


def test_unconditional_fraction(generator):
    policy = RandomBudget(20, 10, unconditional=0.25)
    nothing = [numbers(policy(sample_of(30, 30), generator)) == (0, 10) for _ in range(500)]
    assert 0.2 < sum(nothing) / 500 < 0.3


def test_allot_shares_in_proportion_and_passes_on_what_does_not_fit():
    rng = np.random.default_rng(0)
    assert allot(100, [1000, 1000, 1000], [1.0, 2.0, 1.0], rng) == [25, 50, 25]
    assert allot(100, [10, 1000, 1000], [2.0, 1.0, 1.0], rng) == [10, 45, 45]
    assert allot(9, [2, 3, 1], [1.0, 1.0, 1.0], rng) == [2, 3, 1]
    assert allot(4, [5, 0, 5], [0.0, 1.0, 0.0], rng) == [2, 0, 2]  # underflowed weights share alike
    draws = np.array([allot(10, [4, 50, 50], [1.0, 1.0, 3.0], rng) for _ in range(4000)])
    assert (draws.sum(1) == 10).all()
    assert np.abs(draws.mean(0) - [2, 2, 6]).max() < 0.03
    fractions = np.array([allot(1, [9, 9, 9, 9], [1.0, 2.0, 3.0, 4.0], rng) for _ in range(4000)])
    assert np.abs(fractions.mean(0) - [0.1, 0.2, 0.3, 0.4]).max() < 0.03


@pytest.mark.parametrize(
    "wrong",
    [dict(given=0), dict(asked=0), dict(given=(5, 2)), dict(alpha=0.0), dict(unconditional=1.5)],
)
def test_impossible_budgets_are_refused(wrong):
    with pytest.raises(FoundationError, match="RandomBudget"):
        RandomBudget(**wrong)
    with pytest.raises(FoundationError, match="LeadingSpace"):
        LeadingSpace(skew=-1.0)
