import pytest
import torch

from foundation.masking.budget import RandomBudget
from foundation.masking.fixed import AllGiven, Completion
from foundation.masking.policy import Mixture
from foundation.tokens import Space, Tokens, concatenate


@pytest.fixture
def tokens():
    sizes = {"image": 5, "spectrum": 4, "redshift": 1}
    return concatenate([Tokens.of_space(Space(k, "discrete", 8), torch.zeros(n)) for k, n in sizes.items()])


def test_mixture_draws_in_proportion(tokens, generator):
    mixture = Mixture((Completion(("spectrum",)), Completion(("redshift",)), Completion(("image",))), (3.0, 1.0, 0.0))
    asked = torch.tensor([int((mixture(tokens, generator) == 1).sum()) for _ in range(2000)])
    assert set(asked.tolist()) == {4, 1}
    assert 0.22 < (asked == 1).double().mean() < 0.28


def test_mixture_passes_over_what_asks_nothing_of_a_sample(tokens, generator):
    """A star has no redshift: the others are drawn in proportion; a sample that none asks anything is given to one."""
    star = tokens.select(torch.arange(9))
    policies = Completion(("redshift",), ("image",)), Completion(("spectrum",)), Completion(("image",))
    asked = torch.tensor([int((Mixture(policies, (8.0, 3.0, 1.0))(star, generator) == 1).sum()) for _ in range(2000)])
    assert set(asked.tolist()) == {4, 5}
    assert 0.22 < (asked == 5).double().mean() < 0.28
    silent = Mixture((AllGiven(), Completion(("redshift",))), (1.0, 1.0))(star, generator)
    assert (silent == 0).all()


def test_mixture_supports_what_its_parts_of_positive_weight_do(tokens):
    names = tokens.names()
    mixture = Mixture((Completion(("redshift",)), Completion(("image",))), (1.0, 0.0))
    assert mixture.support(names) == {("image", "redshift"), ("spectrum", "redshift")}
    assert len(Mixture((mixture, RandomBudget(1, 1)), (1.0, 1.0)).support(names)) == 9


def test_mixture_is_pure(tokens):
    mixture = Mixture((RandomBudget(3, 3), RandomBudget(5, 1)), (1.0, 1.0))
    answers = [mixture(tokens, torch.Generator().manual_seed(3)) for _ in range(2)]
    assert torch.equal(*answers)


@pytest.mark.parametrize("weights", [(1.0,), (-1.0, 2.0), (0.0, 0.0)])
def test_mixture_refuses_senseless_weights(weights):
    with pytest.raises(ValueError, match="Mixture"):
        Mixture((AllGiven(), AllGiven()), weights)


def test_all_given(tokens, generator):
    state = generator.get_state()
    assert AllGiven()(tokens, generator).tolist() == [0] * 10
    assert AllGiven().support(tokens.names()) == frozenset()
    assert torch.equal(generator.get_state(), state)


def test_completion(tokens, generator):
    assert Completion(("redshift", "spectrum"))(tokens, generator).tolist() == [0] * 5 + [1] * 5
    assert Completion(("redshift",), ("image",))(tokens, generator).tolist() == [0] * 5 + [-1] * 4 + [1]
    assert Completion(("redshift",), ("image",)).support(tokens.names()) == {("image", "redshift")}
