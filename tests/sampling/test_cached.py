"""Cached generation against one pass of the model over what it made."""

from dataclasses import replace

import pytest
import torch

from foundation.batch import pack
from foundation.config import ModelConfig
from foundation.errors import FoundationError
from foundation.masking.budget import RandomBudget
from foundation.masking.stepwise import Stepwise
from foundation.model.steps import StepDecoder
from foundation.model.transformer import FoundationTransformer
from foundation.sampling.choose import Choice
from foundation.sampling.guidance import Guidance
from foundation.sampling.sampler import Sampler
from foundation.sampling.template import template
from foundation.tokens import concatenate

from .conftest import SPACES
from .test_sampler import GREEDY, same, sample_of

TRAINED = Stepwise(RandomBudget(unconditional=0.1))


@pytest.fixture(params=["all", "space"])
def model(request):
    torch.manual_seed(3)
    config = ModelConfig(
        width=16, depth=2, decoder_depth=2, heads=2, decoder_values=True, queries_see=request.param, position="rotary"
    )
    model = FoundationTransformer(config, SPACES).double()
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.6)
    return model.eval()


def ragged(model):
    """Samples with unequal context, one with none, and what each lacks."""
    given = [sample_of(model.spaces, names, i) for i, names in enumerate([["image"], ["redshift", "flux"], ["flux"]])]
    given.append(given[0].select(torch.arange(0)))
    missing = [[s for s in model.spaces if s.name not in tokens.names()] for tokens in given]
    return given, [concatenate([template(s) for s in spaces]) for spaces in missing]


def test_steps_have_the_states_of_one_pass_over_the_finished_batch(model):
    generator = torch.Generator().manual_seed(1)
    samples = []
    for seed, names in enumerate([["image", "spectrum", "flux"], ["spectrum", "redshift"], ["image", "redshift"]]):
        tokens = sample_of(model.spaces, names, seed)
        samples.append((tokens, torch.randint(-1, 5, (len(tokens),), generator=generator)))
    batch = pack(samples, model.spaces)
    with torch.no_grad():
        whole = model(batch)
        unknown = replace(batch, ids=torch.where(batch.code == 0, batch.ids, 0))
        decoder, seen = StepDecoder(model, unknown), []
        for step in (1, 2, 3, 4):
            values = replace(batch, ids=torch.where(batch.code < 2 * step, batch.ids, 0))
            rows, states = decoder.step(values, step)
            assert (batch.code[rows] == 2 * step - 1).all()
            torch.testing.assert_close(states, whole[rows], rtol=1e-10, atol=1e-10)
            seen += rows.tolist()
    assert sorted(seen) == batch.query_rows.tolist()


def test_greedy_values_are_those_one_pass_over_them_predicts(model):
    """No caches, no steps: the finished sample with its reveal steps, in a training pass, predicts each value drawn."""
    given = [sample_of(model.spaces, ["flux"], i) for i in range(4)]
    for table in model.embed.value.values():
        torch.nn.init.normal_(table.weight, std=4.0)  # so that what is given matters
    drawn = Sampler(model, TRAINED, GREEDY).complete(given, ["image"], steps=3, seed=5, cached=True)
    order = [torch.randperm(6, generator=torch.Generator().manual_seed(5 + i)) for i in range(4)]
    steps = torch.tensor([1, 2, 2, 3, 3, 3])  # the cosine schedule of six tokens in three steps
    finished = [
        (concatenate([k, t]), torch.cat([torch.zeros(1, dtype=torch.long), steps[o]]))
        for k, t, o in zip(given, drawn, order, strict=True)
    ]
    batch = pack(finished, model.spaces)
    with torch.no_grad():
        found = model.predict(model(batch), batch)["image"]
    assert torch.equal(found.distribution.logits.argmax(-1), batch.ids[found.rows])
    assert len({tuple(t.ids.tolist()) for t in drawn}) > 1


@pytest.mark.parametrize("steps", [1, 4])
def test_a_ragged_batch_equals_the_loop(model, steps):
    sampler = Sampler(model, TRAINED, Choice(top_p=0.9, cooling="linear"), tokens_per_batch=30)
    given, asked = ragged(model)
    together = sampler.complete(given, asked, steps=steps, seed=[7, 5, 3, 2], cached=True)
    for known, unknown, seed, result in zip(given, asked, [7, 5, 3, 2], together, strict=True):
        assert same(sampler.complete([known], [unknown], steps=steps, seed=seed, cached=True)[0], result)
        assert torch.equal(result.position, unknown.position)
    again = sampler.complete(given, asked, steps=steps, seed=[7, 5, 3, 1], cached=True)
    assert all(same(a, b) for a, b in zip(together[:3], again[:3], strict=True))
    assert not torch.allclose(together[3].vectors["spectrum"], again[3].vectors["spectrum"])


def test_with_one_step_nothing_is_generated_on_the_way(model):
    """Then both schemes are one pass, and draw the same."""
    given, asked = ragged(model)
    sampler = Sampler(model, TRAINED)
    cached = sampler.complete(given, asked, steps=1, seed=1, cached=True)
    assert all(same(a, b) for a, b in zip(cached, sampler.complete(given, asked, steps=1, seed=1), strict=True))


def test_guidance_of_scale_one_changes_nothing_and_more_does(model):
    given = [sample_of(model.spaces, ["image", "flux"], i) for i in range(3)]
    draw = {"steps": 3, "seed": 4, "cached": True}
    plain = Sampler(model, TRAINED).complete(given, ["spectrum", "redshift"], **draw)
    for scale, equal in ((1.0, True), (4.0, False)):
        guided = Sampler(model, TRAINED, guidance=Guidance(("image",), scale)).complete(
            given, ["spectrum", "redshift"], **draw
        )
        parts = [
            torch.allclose(a.vectors["spectrum"], b.vectors["spectrum"]) for a, b in zip(plain, guided, strict=True)
        ]
        assert all(parts) is equal


def test_in_bfloat16(model):
    given, asked = ragged(model)
    single = Sampler(model.float(), TRAINED)
    with torch.autocast("cpu", torch.bfloat16):
        coarse = single.complete(given, asked, steps=3, cached=True)
    fine = single.complete(given, asked, steps=3, cached=True)
    assert [t.names() for t in coarse] == [t.names() for t in fine]
    for one, other in zip(coarse, fine, strict=True):
        assert (one.ids == other.ids).float().mean() > 0.5
        assert all(torch.isfinite(v).all() for v in one.vectors.values())


def test_refusals(model):
    flux = sample_of(model.spaces, ["flux"])
    with pytest.raises(FoundationError, match="not trained to read what it generated"):
        Sampler(model, RandomBudget()).complete([flux], ["image"], steps=2, cached=True)
    assert len(Sampler(model, RandomBudget(), allow_untrained=True).complete([flux], ["image"], cached=True)[0]) == 6
    with pytest.raises(FoundationError, match="draws in random order"):
        Sampler(model, TRAINED).complete([flux], ["image"], order="confidence", cached=True)
    other = FoundationTransformer(ModelConfig(width=16, depth=1, decoder_depth=1, heads=2), SPACES)
    with pytest.raises(FoundationError, match=r"--model\.decoder_values true"):
        Sampler(other, TRAINED).complete([flux], ["image"], steps=2, cached=True)
