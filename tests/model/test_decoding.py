"""Encoder and decoder rows against the rule of reveal steps, element by element."""

from itertools import product

import pytest
import torch

from foundation.batch import pack
from foundation.config import ModelConfig
from foundation.errors import FoundationError
from foundation.kernels.attention.reference import visible
from foundation.model.decoding import DecoderRows
from foundation.model.transformer import FoundationTransformer

OPTIONS = list(product(["all", "space", "mean"], [False, True]))


@pytest.fixture
def samples(draw, draw_reveal):
    return [(t, draw_reveal(t)) for t in (draw(12) for _ in range(3))]


def expected(batch, q, k, config):
    """May element q see element k, both of one document?"""
    code, key = int(batch.code[q]), int(batch.code[k])
    seen = bool(batch.document[q] == batch.document[k]) and (key == code or (key % 2 == 0 and key < code))
    in_decoder = [bool(c > 0 if config.decoder_values else c % 2) for c in (code, key)]
    if in_decoder == [True, True] and config.queries_see == "space":
        return seen and bool(batch.space[q] == batch.space[k])
    return seen


@pytest.mark.parametrize(("queries_see", "decoder_values"), OPTIONS)
def test_who_sees_whom(samples, spaces, queries_see, decoder_values):
    config = ModelConfig(queries_see=queries_see, decoder_values=decoder_values)
    batch = pack(samples, spaces)
    rows = DecoderRows.of(batch, config)
    in_decoder = batch.code > 0 if decoder_values else batch.is_query
    assert set(rows.decoded.tolist()) == set(torch.nonzero(in_decoder).flatten().tolist())
    assert rows.encoded.tolist() == torch.nonzero(~in_decoder).flatten().tolist()
    for layout, queries, keys in (
        (rows.encoder, rows.encoded, rows.encoded),
        (rows.decoder, rows.decoded, rows.decoded),
        (rows.cross, rows.decoded, rows.encoded),
    ):
        wanted = [[expected(batch, q, k, config) for k in keys] for q in queries]
        assert visible(layout).tolist() == wanted


@pytest.mark.parametrize(("queries_see", "decoder_values"), OPTIONS)
def test_one_pass_is_the_replay_of_its_steps(build, samples, run, queries_see, decoder_values):
    model = build(decoder_depth=2, queries_see=queries_see, decoder_values=decoder_values)
    whole, _ = run(model, samples)
    for step in (1, 2, 3):
        shown = [(t, torch.where(r > step, -1, r)) for t, r in samples]
        alone, _ = run(model, shown)
        for (document, i), value in alone.items():
            if samples[document][1][i] == step:
                torch.testing.assert_close(value, whole[document, i], rtol=1e-9, atol=1e-9)


def test_queries_of_another_space_matter_only_to_those_who_see_them(build, draw, run):
    tokens = draw(12)
    spectrum = tokens.of("spectrum")
    assert len(spectrum) > 2
    given = torch.zeros(len(tokens), dtype=torch.long).index_fill(0, spectrum, 1)
    both = given.index_fill(0, tokens.of("z"), 1)
    without = given.index_fill(0, tokens.of("z"), -1)
    for queries_see, changes in (("all", True), ("space", False), ("mean", True)):
        model = build(decoder_depth=2, queries_see=queries_see)
        asked = run(model, [(tokens, both)])[0], run(model, [(tokens, without)])[0]
        one, other = (torch.cat([a[0, i] for i in spectrum.tolist()]) for a in asked)
        assert bool((one - other).abs().max() > 1e-6) == changes


def test_revealed_tokens_leave_the_encoder_alone(build, samples, run, monkeypatch):
    """What was given is encoded as if nothing else were there, so its states serve all steps."""
    model = build(decoder_depth=2, decoder_values=True)
    _, states = run(model, samples)
    _, alone = run(model, [(t, torch.where(r == 0, 0, -1)) for t, r in samples if (r == 0).any()])
    having = [i for i, (_, r) in enumerate(samples) if (r == 0).any()]
    assert alone
    for (document, i), value in alone.items():
        torch.testing.assert_close(value, states[having[document], i], rtol=1e-10, atol=1e-10)


def test_every_parameter_has_a_gradient(build, samples):
    model = build(decoder_depth=1, decoder_values=True)
    batch = pack(samples, model.spaces)
    states = model(batch)
    sum(p.distribution.log_prob(torch.ones_like(p.rows)[:, None]).sum() if n == "image"
        else p.distribution.log_prob(torch.ones_like(p.rows)).sum()
        for n, p in model.predict(states, batch).items()).backward()  # fmt: skip
    assert all(p.grad is not None for p in model.parameters())
    assert model.decoder_values.table("spectrum").grad.any()


def test_embeddings_as_the_decoder_sees_them(build, draw):
    model, tokens = build(decoder_depth=1, features="context"), draw()
    batch = pack([(tokens, torch.zeros(len(tokens), dtype=torch.long))], model.spaces)
    encoder = build(decoder_depth=1).features(batch)
    place = model._place(batch)
    torch.testing.assert_close(model.features(batch), model.context(encoder) + place)
    assert torch.equal(model.features(batch, 1), build(decoder_depth=1).features(batch, 1))


@pytest.mark.parametrize("option", [{"decoder_values": True}, {"queries_see": "mean"}, {"features": "context"}])
def test_one_stack_has_no_options_of_a_decoder(spaces, option):
    with pytest.raises(FoundationError, match="a model without a decoder"):
        FoundationTransformer(ModelConfig(decoder_depth=0, **option), spaces)
