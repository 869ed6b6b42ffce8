"""Leaks, packing and gradients of the model of summed tracks."""

import pytest
import torch

from foundation.batch import pack
from foundation.errors import FoundationError
from foundation.model.tracks.config import TrackConfig
from foundation.model.tracks.rows import distinct
from foundation.model.tracks.transformer import TrackTransformer
from foundation.tokens import Space

LENGTHS = {"aa_seq": 6, "dssp": 6, "rna_seq": 15, "cds": 15, "context": 5}


def outputs(model, batch):
    return {name: p.distribution.logits for name, p in model.predict(model(batch), batch).items()}


@pytest.mark.parametrize("asked", ["cds", "aa_seq", "context"])
def test_no_answer_leaks(model, draw, asked):
    """Changing an asked token changes no logit, but in text those of later tokens."""
    tokens = draw.sample(LENGTHS)
    reveal = draw.reveal(tokens, asked)
    index = tokens.of(asked)
    changed = index[reveal[index] == 1][-2]
    other = tokens.ids.clone()
    other[changed] = (other[changed] + 1) % tokens.spaces[int(tokens.space[changed])].size
    a, b = (
        outputs(model, pack([(t, reveal)], model.spaces))[asked]
        for t in (tokens, type(tokens)(tokens.spaces, other, tokens.space, tokens.position, tokens.track))
    )
    until = -1 if asked == "context" else None
    assert torch.equal(a[:until], b[:until])
    assert asked != "context" or not torch.equal(a[-1], b[-1])


def test_documents_do_not_touch_each_other(model, draw):
    samples = [(t := draw.sample(LENGTHS), draw.reveal(t, "cds")) for _ in range(3)]
    alone = torch.cat([outputs(model, pack([s], model.spaces))["cds"] for s in samples])
    torch.testing.assert_close(outputs(model, pack(samples, model.spaces))["cds"], alone, rtol=1e-12, atol=1e-12)


def test_modalities_of_a_track_are_summed(model, draw):
    """Two modalities at one place are one row: the number of rows is that of the longest, after the registers."""
    tokens = draw.sample({"rna_seq": 8, "cds": 8})
    batch = pack([(tokens, torch.zeros(16, dtype=torch.long))], model.spaces)
    states = model.features(batch)
    of_rna, of_cds = (states[batch.space == i] for i in (2, 3))
    assert torch.equal(of_rna, of_cds) and len(of_rna.unique(dim=0)) == 8


def test_order_of_tokens_in_a_sample_does_not_matter(model, draw):
    tokens = draw.sample(LENGTHS)
    reveal = draw.reveal(tokens, "cds")
    turn = torch.randperm(len(tokens), generator=draw.generator)
    a = pack([(tokens, reveal)], model.spaces)
    b = pack([(tokens.select(turn), reveal[turn])], model.spaces)
    known, found = (outputs(model, x)["cds"] for x in (a, b))
    places = [x.position[x.query_rows, 0] for x in (a, b)]
    torch.testing.assert_close(found[places[1].argsort()], known[places[0].argsort()], rtol=1e-12, atol=1e-12)


def test_what_is_dropped_reaches_no_answer_and_registers_are_never_dropped(model, draw):
    tokens = draw.sample(LENGTHS)
    batch = pack([(tokens, draw.reveal(tokens, "cds"))], model.spaces)
    seed = torch.Generator()
    assert torch.equal(model(batch, seed.manual_seed(1)), model(batch, seed.manual_seed(1)))
    queries = batch.query_rows
    assert not torch.equal(model(batch, seed.manual_seed(1))[queries], model(batch)[queries])
    assert torch.equal(model(batch, seed)[batch.content_rows], model(batch)[batch.content_rows])


def test_every_parameter_has_a_gradient_whatever_is_asked(model, draw):
    tokens = draw.sample({"rna_seq": 6})
    batch = pack([(tokens, draw.reveal(tokens, "rna_seq"))], model.spaces)
    states = model(batch)
    heads = sum(model.heads.outputs(s.name, states[:0]).sum() for s in model.spaces)
    (states.square().sum() + heads).backward()
    assert [n for n, p in model.named_parameters() if p.grad is None] == []


def test_clear_refusals(draw):
    with pytest.raises(FoundationError, match="takes codes; flux are vectors"):
        TrackTransformer(draw.config, [Space("flux", "continuous", 3)])
    with pytest.raises(FoundationError, match="missing are caption, context"):
        TrackTransformer(draw.config, [Space("cds", "discrete", 3)])
    with pytest.raises(FoundationError, match="divisible by twice the heads"):
        TrackConfig(width=100, heads=24)


def test_later_reveal_steps_are_refused(model, draw):
    tokens = draw.sample({"rna_seq": 4})
    batch = pack([(tokens, torch.tensor([0, 1, 2, 2]))], model.spaces)
    with pytest.raises(FoundationError, match="2 reveal steps"):
        model(batch)


def test_rows_are_found_as_by_sorting_all_keys(generator):
    """One number for each row of keys sorts as the rows do."""
    for n in (0, 1, 300):
        keys = [torch.randint(low, 9, (n,), generator=generator) for low in (0, -3, 2)]
        unique, inverse = torch.stack(keys, 1).unique(dim=0, return_inverse=True)
        found = distinct(*keys)
        assert torch.equal(found[0], unique) and torch.equal(found[1], inverse)
