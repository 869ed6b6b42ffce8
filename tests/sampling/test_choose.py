import pytest
import torch
from scipy.special import softmax
from scipy.stats import chisquare, kstest

from foundation.errors import FoundationError
from foundation.sampling.choose import Choice

LOGITS = torch.tensor([[2.0, 0.0, 1.0, -1.0], [0.0, 0.0, 0.0, 3.0]])


def test_plain_choice_is_the_predicted_distribution():
    assert Choice().probabilities(LOGITS).numpy() == pytest.approx(softmax(LOGITS.double().numpy(), -1))
    warm = Choice(temperature=2.0).probabilities(LOGITS).numpy()
    assert warm == pytest.approx(softmax(LOGITS.double().numpy() / 2, -1))


def test_temperature_zero_is_the_most_probable_code():
    chance = torch.tensor([0.999, 0.0], dtype=torch.float64)
    assert Choice(temperature=0).codes(LOGITS, chance).tolist() == [0, 3]


def test_top_k_keeps_the_k_most_probable():
    p = Choice(top_k=2).probabilities(LOGITS)[0].numpy()
    assert p == pytest.approx([*softmax([2.0, 1.0])[:1], 0, softmax([2.0, 1.0])[1], 0])
    assert torch.equal(Choice(top_k=9).probabilities(LOGITS), Choice().probabilities(LOGITS))


def test_nucleus_keeps_the_fewest_codes_that_hold_the_probability():
    logits = torch.tensor([[0.5, 0.1, 0.3, 0.1]]).log()
    for top_p, kept in [(0.4, {0}), (0.6, {0, 2}), (0.79, {0, 2}), (0.85, {0, 1, 2}), (1.0, {0, 1, 2, 3})]:
        p = Choice(top_p=top_p).probabilities(logits)[0]
        assert set(torch.nonzero(p).flatten().tolist()) == kept
        assert p.sum() == pytest.approx(1)
    assert Choice(top_p=0.6).probabilities(logits)[0].numpy() == pytest.approx([0.625, 0, 0.375, 0])


def test_only_allowed_codes_are_chosen():
    allowed = torch.tensor([[False, True, False, True]])
    p = Choice().probabilities(LOGITS, allowed)
    assert p[0].numpy() == pytest.approx([0, softmax([0.0, -1.0])[0], 0, softmax([0.0, -1.0])[1]])
    each = torch.tensor([[True, False, False, False], [False, True, False, False]])
    assert Choice(temperature=0).codes(LOGITS, torch.zeros(2), each).tolist() == [0, 1]
    with pytest.raises(FoundationError, match="Allow at least one"):
        Choice().probabilities(LOGITS, torch.zeros(1, 4, dtype=torch.bool))


def test_codes_follow_the_exact_distribution(generator):
    n = 20_000
    choice = Choice(temperature=0.7, top_k=3)
    chance = torch.rand(n, dtype=torch.float64, generator=generator)
    codes = choice.codes(LOGITS[:1].expand(n, -1), chance)
    kept = softmax(LOGITS[0, :3].double().numpy() / 0.7)
    assert chisquare(torch.bincount(codes, minlength=3).numpy(), kept * n).pvalue > 1e-3


def test_a_code_of_no_probability_is_never_chosen_at_the_edges():
    logits = torch.tensor([[-torch.inf, 0.0, -torch.inf, 0.0, -torch.inf]])
    chance = torch.tensor([0.0, 0.5, 1 - 2**-53], dtype=torch.float64)
    assert Choice().codes(logits.expand(3, -1), chance).tolist() == [1, 3, 3]


def test_logits_are_left_alone():
    before = LOGITS.clone()
    Choice(0.5, 2, 0.7).codes(LOGITS, torch.tensor([0.3, 0.9]), torch.tensor([[True, True, False, True]]))
    assert torch.equal(LOGITS, before)


def test_vectors_are_gaussian_and_the_mean_at_temperature_zero(generator):
    mean, scale = torch.full((5000, 1), 3.0), torch.full((5000, 1), 2.0)
    noise = torch.randn(5000, 1, generator=generator)
    assert torch.equal(Choice(0.0).vectors(mean, scale, noise), mean)
    assert kstest(Choice(0.5).vectors(mean, scale, noise)[:, 0].numpy(), "norm", args=(3, 1)).pvalue > 1e-3


@pytest.mark.parametrize("wrong", [dict(temperature=-1.0), dict(top_k=-1), dict(top_p=0.0), dict(top_p=1.5)])
def test_senseless_choices_are_refused(wrong):
    with pytest.raises(FoundationError, match="Choice"):
        Choice(**wrong)


def test_cooling():
    known = torch.tensor([0.0, 0.25, 1.0])
    for cooling, middle in (("none", 2.0), ("linear", 1.6), ("onex", 0.4 + 1.6 * (25.75**-0.5 - 0.1) / 0.9)):
        choice = Choice(temperature=2.0, coldest=0.4, cooling=cooling)
        expected = torch.tensor([2.0, middle, 2.0 if cooling == "none" else 0.4], dtype=torch.float64)
        torch.testing.assert_close(choice.temperature_at(known), expected)
        logits = torch.randn(3, 7, generator=torch.Generator().manual_seed(0))
        rows = [Choice(float(t)).probabilities(row[None])[0] for t, row in zip(expected, logits, strict=True)]
        torch.testing.assert_close(choice.probabilities(logits, known=known), torch.stack(rows))
        noise = torch.ones(3, 1)
        torch.testing.assert_close(choice.vectors(0 * noise, 3 * noise, noise, known)[:, 0], 3 * expected.float())
    frozen = Choice(cooling="linear").probabilities(logits, known=torch.ones(3))
    assert torch.equal(frozen, torch.nn.functional.one_hot(logits.argmax(-1), 7).double())
    with pytest.raises(FoundationError, match="coldest"):
        Choice(temperature=0.5, coldest=0.6)
