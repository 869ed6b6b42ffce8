"""Guided logits against passes made by hand; chains against completing link by link."""

import pytest
import torch

from foundation.batch import pack
from foundation.errors import FoundationError
from foundation.masking.budget import RandomBudget
from foundation.sampling.chain import chain
from foundation.sampling.guidance import Guidance
from foundation.sampling.sampler import Sampler
from foundation.sampling.template import template
from foundation.tokens import Tokens, concatenate

TRAINED = RandomBudget(unconditional=0.1)


def tokens_of(space, seed):
    generator, empty = torch.Generator().manual_seed(seed), template(space)
    codes = torch.randint(space.size, (len(empty),), generator=generator)
    values = codes if space.discrete else torch.randn(len(empty), space.size, generator=generator)
    return Tokens.of_space(space, values, empty.position)


def logits(model, given, space):
    """What the model answers when asked by hand."""
    tokens = concatenate([*given, template(space)])
    reveal = torch.zeros(len(tokens), dtype=torch.long).index_fill(0, tokens.of(space.name), 1)
    batch = pack([(tokens, reveal)], model.spaces)
    with torch.no_grad():
        return model.predict(model(batch), batch)[space.name].distribution.logits


@pytest.fixture
def parts(model):
    image, spectrum, redshift, flux = model.spaces
    return [tokens_of(image, 0), tokens_of(spectrum, 1), tokens_of(flux, 2)], redshift


@pytest.mark.parametrize("scale", [0, 1, 2.5])
def test_conditions_together(model, parts, scale):
    given, redshift = parts
    sampler = Sampler(model, TRAINED, guidance=Guidance(("image", "spectrum"), scale))
    found = sampler.posterior([concatenate(given)] * 2, "redshift")
    u, c = logits(model, given[2:], redshift), logits(model, given, redshift)
    torch.testing.assert_close(found, (u + scale * (c - u)).softmax(-1).expand(2, -1))


def test_conditions_each_with_its_scale(model, parts):
    given, redshift = parts
    sampler = Sampler(model, TRAINED, guidance=Guidance(("image", "spectrum"), (1.5, 0.5)))
    found = sampler.posterior([concatenate(given)], "redshift")
    u = logits(model, given[2:], redshift)
    image, spectrum = (logits(model, [given[i], given[2]], redshift) for i in (0, 1))
    expected = u + 1.5 * (image - u) + 0.5 * (spectrum - u)
    torch.testing.assert_close(found, expected.softmax(-1))


@pytest.mark.parametrize("order", ["random", "confidence"])
def test_scale_one_changes_nothing_and_others_do(model, parts, order):
    """Also with several steps, samples of different lengths and nothing left without the conditions."""
    given = [parts[0][0], parts[0][0].select(torch.arange(2))]

    def draw(guidance):
        sampler = Sampler(model, TRAINED, guidance=guidance)
        done = sampler.complete(given, ["spectrum", "redshift"], steps=3, seed=4, order=order)
        return torch.cat([t.vectors["spectrum"].flatten() for t in done])

    plain = draw(None)
    torch.testing.assert_close(draw(Guidance(("image",), 1.0)), plain, rtol=1e-5, atol=1e-5)
    assert (draw(Guidance(("image",), 3)) - plain).abs().max() > 1e-3


def test_what_guidance_cannot_be(model, parts):
    given = concatenate(parts[0])
    with pytest.raises(FoundationError, match="of which redshift is not given"):
        Sampler(model, TRAINED, guidance=Guidance(("redshift",), 2.0)).posterior([given], "redshift")
    with pytest.raises(FoundationError, match="from nothing"):
        guidance = Guidance(("image", "spectrum", "flux"), 2.0)
        Sampler(model, RandomBudget(), guidance=guidance).posterior([given], "redshift")
    for conditions, scale in (((), 1.0), (("image",), (1.0, 2.0))):
        with pytest.raises(FoundationError, match="one scale for all or one for each"):
            Guidance(conditions, scale)


def test_a_chain_is_its_links_one_by_one(model, parts):
    sampler, image = Sampler(model, TRAINED), parts[0][0]
    found = chain(sampler, [image, image], ["spectrum", ["redshift", "flux"]], steps=[2, 1], seed=3)
    spectrum = sampler.complete([image, image], ["spectrum"], steps=2, seed=3)
    for one, first in zip(found, spectrum, strict=True):
        assert torch.equal(one.vectors["spectrum"], first.vectors["spectrum"])
        assert one.names() == ("spectrum", "redshift", "flux")
    alone = chain(sampler, [image], ["spectrum", ["redshift", "flux"]], steps=[2, 1], seed=[4])
    assert torch.equal(alone[0].ids, found[1].ids), "a sample's chance is its own"
    with pytest.raises(FoundationError, match="A chain of 2 links with steps"):
        chain(sampler, [image], ["spectrum", "flux"], steps=[1, 2, 3])
