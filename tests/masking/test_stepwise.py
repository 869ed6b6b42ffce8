import pytest
import torch

from foundation.errors import FoundationError
from foundation.masking.anchored import AnyOrder
from foundation.masking.budget import RandomBudget
from foundation.masking.fixed import AllGiven, Completion
from foundation.masking.policy import Mixture
from foundation.masking.stepwise import Stepwise
from foundation.tokens import Space, Tokens, concatenate


@pytest.fixture
def tokens():
    sizes = {"image": 20, "spectrum": 16, "redshift": 1}
    return concatenate([Tokens.of_space(Space(k, "discrete", 8), torch.zeros(n)) for k, n in sizes.items()])


def test_what_is_given_and_asked_is_what_the_other_policy_says(tokens, generator):
    policy = Completion(("image", "redshift"), ("spectrum",))
    reveal = [Stepwise(policy, 5)(tokens, generator) for _ in range(300)]
    plain = policy(tokens, generator)
    assert all(torch.equal(r.clamp(max=1), plain) for r in reveal)
    numbers = torch.tensor([int(r.max()) for r in reveal])
    assert set(numbers.tolist()) == {1, 2, 3, 4, 5}
    assert all(set(r[r > 0].tolist()) == set(range(1, n + 1)) for r, n in zip(reveal, numbers.tolist(), strict=True))
    assert all(60 * 0.5 < count < 60 * 1.6 for count in torch.bincount(numbers)[1:].tolist())


def test_pathways(tokens):
    names = tokens.names()
    policy = Completion(("image", "redshift"), ("spectrum",))
    own = {("spectrum", "image"), ("spectrum", "redshift")}
    assert policy.support(names) == Stepwise(policy, 1).support(names) == own
    assert Stepwise(policy, 2).support(names) == own | {(a, b) for a in policy.asked for b in policy.asked}


def test_who_asks_in_steps():
    once, often = RandomBudget(), Stepwise(RandomBudget())
    assert [p.stepwise for p in (AllGiven(), once, often, Stepwise(once, 1), AnyOrder("image"))] == [
        False, False, True, False, True,
    ]  # fmt: skip
    assert Mixture((once, often), (1.0, 1.0)).stepwise and not Mixture((once, often), (1.0, 0.0)).stepwise
    for policy, steps in ((often, 2), (once, 0)):
        with pytest.raises(FoundationError, match="a policy that asks in one step"):
            Stepwise(policy, steps)
