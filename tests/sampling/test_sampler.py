from dataclasses import replace
from itertools import product

import pytest
import torch
from scipy.stats import chisquare, kstest

from foundation.batch import pack
from foundation.errors import FoundationError
from foundation.masking.budget import RandomBudget
from foundation.masking.fixed import Completion
from foundation.sampling.choose import Choice
from foundation.sampling.sampler import Sampler
from foundation.sampling.template import template
from foundation.tokens import Tokens, concatenate

GREEDY = Choice(temperature=0)


def sample_of(spaces, names, seed=0):
    """Random tokens of these spaces on their grids."""
    generator = torch.Generator().manual_seed(seed)
    parts = []
    for space in (s for s in spaces if s.name in names):
        empty = template(space)
        n = len(empty)
        values = (
            torch.randint(space.size, (n,), generator=generator)
            if space.discrete
            else torch.randn(n, space.size, generator=generator)
        )
        parts.append(Tokens.of_space(space, values, empty.position))
    return concatenate(parts)


def same(one, two):
    assert torch.equal(one.ids, two.ids)
    assert torch.equal(one.space, two.space)
    assert torch.equal(one.position, two.position)
    for name in one.vectors:
        assert torch.allclose(one.vectors[name], two.vectors[name], rtol=1e-5, atol=1e-6)
    return True


def probabilities(model, tokens, reveal, at):
    """The oracle: the model asked by hand for the code at index `at`."""
    batch = pack([(tokens, reveal)], model.spaces)
    with torch.no_grad():
        found = model.predict(model(batch), batch)[tokens.spaces[int(tokens.space[at])].name]
    row = torch.nonzero(batch.token[found.rows] == at)[0, 0]
    return found.distribution.probs[row]


def test_two_tokens_in_random_order_follow_the_enumerated_joint(model):
    given = sample_of(model.spaces, ["image"])
    n = 500
    drawn = Sampler(model, RandomBudget()).complete([given] * n, ["redshift", "flux"], steps=2, seed=0)
    index = [3 * int(t.ids[t.of("redshift")]) + int(t.ids[t.of("flux")]) for t in drawn]

    both = concatenate([given, template(model.spaces[2]), template(model.spaces[3])])
    z, f = len(given), len(given) + 1
    context = torch.tensor([0] * len(given))

    def conditional(target, other, value):
        ids = both.ids.clone()
        ids[other] = value
        reveal = torch.cat([context, torch.tensor([0, 0])])
        reveal[target] = 1
        return probabilities(model, replace(both, ids=ids), reveal, target)

    p_z = probabilities(model, both, torch.cat([context, torch.tensor([1, -1])]), z)
    p_f = probabilities(model, both, torch.cat([context, torch.tensor([-1, 1])]), f)
    joint = torch.tensor(
        [
            0.5 * p_z[i] * conditional(f, z, i)[j] + 0.5 * p_f[j] * conditional(z, f, j)[i]
            for i, j in product(range(4), range(3))
        ]
    )
    assert joint.sum() == pytest.approx(1)
    assert chisquare(torch.bincount(torch.tensor(index), minlength=12).numpy(), joint.numpy() * n).pvalue > 1e-3


def test_one_step_draws_are_independent_of_each_other_given_the_context(model):
    given = sample_of(model.spaces, ["image"])
    n = 400
    drawn = Sampler(model, RandomBudget()).complete([given] * n, ["redshift", "flux"], steps=1, seed=5)
    both = concatenate([given, template(model.spaces[2]), template(model.spaces[3])])
    reveal = torch.tensor([0] * len(given) + [1, 1])
    p = torch.outer(*(probabilities(model, both, reveal, len(given) + i) for i in (0, 1))).flatten()
    index = torch.tensor([3 * int(t.ids[0]) + int(t.ids[1]) for t in drawn])
    assert chisquare(torch.bincount(index, minlength=12).numpy(), p.numpy() * n).pvalue > 1e-3


def test_continuous_tokens_are_drawn_from_their_gaussian(model):
    given = sample_of(model.spaces, ["image"])
    drawn = Sampler(model, RandomBudget()).complete([given] * 100, ["spectrum"], seed=2)
    batch = pack([(concatenate([given, template(model.spaces[1])]), torch.tensor([0] * 6 + [1] * 4))], model.spaces)
    with torch.no_grad():
        normal = model.predict(model(batch), batch)["spectrum"].distribution
    for token, component in product(range(4), range(2)):
        values = torch.stack([t.vectors["spectrum"][t.ids[token], component] for t in drawn])
        where = (float(normal.mean[token, component]), float(normal.stddev[token, component]))
        assert kstest(values.numpy(), "norm", args=where).pvalue > 1e-3
    mean = Sampler(model, RandomBudget(), GREEDY).complete([given], ["spectrum"])[0]
    assert torch.allclose(mean.vectors["spectrum"][mean.ids].double(), normal.mean, atol=1e-6)


@pytest.mark.parametrize("order", ["random", "confidence"])
@pytest.mark.parametrize("steps", [1, 4])
def test_a_batch_equals_the_loop_and_fills_every_asked_token(model, order, steps):
    sampler = Sampler(model, RandomBudget(), Choice(top_p=0.9), tokens_per_batch=40)
    given = [
        sample_of(model.spaces, names, i)
        for i, names in enumerate([["image"], ["redshift", "flux"], ["spectrum"], ["flux"], ["image", "spectrum"]])
    ]
    missing = [[s for s in model.spaces if s.name not in tokens.names()] for tokens in given]
    asked = [concatenate([template(s) for s in spaces]) for spaces in missing]
    kept = [t.ids.clone() for t in given]
    batched = sampler.complete(given, asked, steps=steps, seed=[7, 5, 3, 2, 1], order=order)
    for known, unknown, seed, result in zip(given, asked, [7, 5, 3, 2, 1], batched, strict=True):
        assert same(result, sampler.complete([known], [unknown], steps=steps, seed=[seed], order=order)[0])
        assert result.names() == unknown.names()
        assert torch.equal(result.position, unknown.position)
        if "spectrum" in unknown.names():
            assert (result.vectors["spectrum"][result.ids[result.of("spectrum")]] != 0).all()
    assert all(torch.equal(t.ids, k) for t, k in zip(given, kept, strict=True)), "what is given must not change"


def test_each_asked_token_is_drawn_exactly_once_in_random_order(model):
    given = sample_of(model.spaces, ["redshift"])
    Sampler(model, RandomBudget()).complete([given], ["image", "spectrum"], steps=4, schedule="linear")
    assert len(model.asked) == 4
    assert sorted(t for step in model.asked for t in step) == list(range(1, 11))
    assert [t for step in model.asked for t in step] != list(range(1, 11)), "the order is drawn"


def test_confidence_order_keeps_the_surest_token_first(model):
    """At temperature 0 the first token kept is the one of largest probability when all are asked."""
    given = sample_of(model.spaces, ["flux"])
    asked = concatenate([template(s) for s in (model.spaces[0], model.spaces[2])])
    both = concatenate([given, asked])
    reveal = torch.tensor([0] + [1] * 7)
    top = [probabilities(model, both, reveal, i).max(-1) for i in range(1, 8)]
    surest = max(range(7), key=lambda i: float(top[i].values))
    result = Sampler(model, RandomBudget(), GREEDY).complete([given], [asked], steps=7, order="confidence")[0]
    assert int(result.ids[surest]) == int(top[surest].indices)


def test_temperature_zero_does_not_depend_on_the_seed_in_one_step(model):
    given = [sample_of(model.spaces, ["image"], i) for i in range(3)]
    sampler = Sampler(model, RandomBudget(), GREEDY)
    one, two = (sampler.complete(given, ["redshift", "spectrum"], seed=seed) for seed in (1, 99))
    assert all(same(a, b) for a, b in zip(one, two, strict=True))
    other = Sampler(model, RandomBudget()).complete(given * 5, ["redshift"], seed=1)
    assert len({int(t.ids[0]) for t in other}) > 1


def test_replay_sees_what_one_training_pass_sees(model):
    tokens = sample_of(model.spaces, ["image", "spectrum", "redshift", "flux"], 4)
    reveal = torch.tensor([0, 1, 3, 2, -1, 3, 2, 2, 1, 4, 4, 0])
    done = Sampler(model, RandomBudget(), Choice()).replay([(tokens, reveal)], seed=11)[0]
    steps, model.seen = model.seen, {}
    assert model.asked == [torch.nonzero(reveal == step).flatten().tolist() for step in (1, 2, 3, 4)]
    batch = pack([(done, reveal)], model.spaces)
    with torch.no_grad():
        model.predict(model(batch), batch)
    assert steps.keys() == model.seen.keys() == set(torch.nonzero(reveal > 0).flatten().tolist())
    assert max((steps[t] - model.seen[t]).abs().max() for t in steps) < 1e-10
    kept = reveal <= 0
    assert torch.equal(done.ids[kept], tokens.ids[kept])
    assert not torch.equal(done.ids, tokens.ids)


def test_replay_of_a_ragged_batch_equals_the_loop(model):
    sampler = Sampler(model, RandomBudget(), Choice())
    samples = [
        (sample_of(model.spaces, ["image", "flux"], 1), torch.tensor([0, 1, 2, 3, 3, 3, 0])),
        (sample_of(model.spaces, ["spectrum", "redshift"], 2), torch.tensor([0, 0, 2, 2, 4])),
        (sample_of(model.spaces, ["spectrum", "redshift"], 3), torch.tensor([0, 0, 0, -1, 0])),
    ]
    together = sampler.replay(samples, seed=30)
    for i, sample in enumerate(samples):
        assert same(together[i], sampler.replay([sample], seed=30 + i)[0])
    assert torch.equal(together[2].ids, samples[2][0].ids)


def test_posterior_is_the_predicted_distribution(model):
    given = [sample_of(model.spaces, ["image"], i) for i in range(5)]
    p = Sampler(model, RandomBudget(), GREEDY, tokens_per_batch=15).posterior(given, "redshift")
    assert p.shape == (5, 4)
    for tokens, row in zip(given, p, strict=True):
        both = concatenate([tokens, template(model.spaces[2])])
        expected = probabilities(model, both, torch.tensor([0] * 6 + [1]), 6)
        assert row.numpy() == pytest.approx(expected.numpy())
    with pytest.raises(FoundationError, match="6 tokens"):
        Sampler(model, RandomBudget()).posterior([sample_of(model.spaces, ["flux"])], "image")


def test_allowed_codes(model):
    given = [sample_of(model.spaces, ["flux"])] * 50
    allowed = {"image": torch.tensor([False, True, False, True, False])}
    for order in ("random", "confidence"):
        drawn = Sampler(model, RandomBudget()).complete(
            given, ["image", "redshift"], steps=2, order=order, allowed=allowed
        )
        assert {i for t in drawn for i in t.ids[t.of("image")].tolist()} == {1, 3}
        assert len({int(t.ids[t.of("redshift")]) for t in drawn}) > 2


def test_untrained_pathways_are_refused(model):
    policy = Completion(("redshift",), ("image", "spectrum"))
    image, flux = sample_of(model.spaces, ["image"]), sample_of(model.spaces, ["flux"])
    sampler = Sampler(model, policy)
    sampler.complete([image], ["redshift"], steps=4)
    for given, asked, match in [
        ([image], ["flux"], "flux from image"),
        ([flux], ["redshift"], "redshift from flux, only from image, spectrum"),
        ([image.select(torch.arange(0))], ["redshift"], "redshift from nothing"),
    ]:
        with pytest.raises(FoundationError, match=match):
            sampler.complete(given, asked)
    with pytest.raises(FoundationError, match="redshift from flux"):
        sampler.posterior([image, flux], "redshift")
    with pytest.raises(FoundationError, match="image from image"):
        sampler.replay([(image, torch.tensor([0, 0, 0, 0, 1, 1]))])
    one_step = Sampler(model, Completion(("redshift", "flux"), ("image",)))
    one_step.complete([image], ["redshift", "flux"], steps=1)
    with pytest.raises(FoundationError, match=r"from (flux|redshift), only from image"):
        one_step.complete([image], ["redshift", "flux"], steps=2)
    assert len(Sampler(model, policy, allow_untrained=True).complete([image], ["flux"])[0]) == 1


def test_nothing_given_where_it_was_trained(model):
    nothing = sample_of(model.spaces, ["flux"]).select(torch.arange(0))
    sampler = Sampler(model, RandomBudget(unconditional=0.1))
    assert len(sampler.complete([nothing], ["image"], steps=3)[0]) == 6


def test_wrong_requests_are_refused(model):
    image = sample_of(model.spaces, ["image"])
    sampler = Sampler(model, RandomBudget())
    for asked, match in [
        (["mass"], "predicts image, spectrum"),
        ([], "Ask for some"),
        (["image"], "both given and asked"),
    ]:
        with pytest.raises(FoundationError, match=match):
            sampler.complete([image], asked)
    with pytest.raises(FoundationError, match="1 sets of tokens asked of 2 samples"):
        sampler.complete([image, image], [template(model.spaces[3])])
    with pytest.raises(FoundationError, match="2 seeds for 1 samples"):
        sampler.complete([image], ["flux"], seed=[1, 2])


def test_the_model_is_left_in_its_mode(model):
    image = sample_of(model.spaces, ["image"])
    for training in (True, False):
        model.train(training)
        Sampler(model, RandomBudget()).complete([image], ["flux"])
        assert model.training is training
