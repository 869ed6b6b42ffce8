"""Both sides of the benchmark compute the same: the padded plain reading, the release where it is, and ours."""

from importlib.util import find_spec

import pytest
import torch

from foundation.batch import pack
from foundation.interop.aion_tokens import from_arrays
from foundation.interop.benchmark.peers import Plain, Released, peer_of
from foundation.interop.benchmark.rows import masks_of, ragged
from foundation.training.loss import balanced, tally, target_counts

NAMES = ("tok_segmap", "tok_spectrum_desi", "tok_xp_bp", "tok_ebv", "tok_z")
PEERS = [Plain, pytest.param(Released, marks=pytest.mark.skipif(not find_spec("aion"), reason="not installed"))]


@pytest.fixture
def model(aion):
    return aion(sorted(NAMES))


@pytest.fixture(params=PEERS)
def peer(request, model, monkeypatch):
    monkeypatch.setattr("foundation.interop.benchmark.peers.KEYS", {n: None for n in NAMES})
    return request.param(model)


def test_embeddings(model, peer, draw_arrays):
    arrays = draw_arrays(NAMES)
    found = peer.embed(arrays)
    found = found[0] if isinstance(found, tuple) else found
    batch = pack([(t, torch.zeros(len(t), dtype=torch.long)) for t in from_arrays(arrays)], model.spaces)
    with torch.no_grad():
        place = model.places(batch)[0]
        expected = model.context(model.features(batch)) + place
    torch.testing.assert_close(found.flatten(0, 1), expected, rtol=1e-5, atol=1e-5)


def test_a_training_step_has_the_gradients_of_ours(model, peer, draw_arrays):
    arrays = draw_arrays(NAMES, objects=3)
    tokens = from_arrays(arrays)
    reveal = ragged(tokens)
    assert len({int((r == 0).sum()) for r in reveal}) == 3
    peer.step(arrays, masks_of(arrays, tokens, reveal), (256, 128))
    batch = pack(list(zip(tokens, reveal, strict=True)), model.spaces)
    local, counts = tally(model.heads, model(batch), batch), target_counts(batch, model.spaces)
    balanced(local.sums, counts, torch.ones(len(counts)), "space").backward()
    weights = peer.weights if isinstance(peer, Plain) else dict(peer.model.named_parameters())
    theirs = weights["decoder.0.cross_attn.kv.weight"].grad * len(NAMES) / int((counts > 0).sum())
    torch.testing.assert_close(theirs, model.decoder[0].cross_attn.kv.weight.grad, rtol=1e-4, atol=1e-6)


def test_generation_fills_every_place(aion, draw_arrays):
    model = aion(sorted(NAMES))
    arrays = draw_arrays([n for n in NAMES if n != "tok_spectrum_desi"])
    codes = Plain(model).generate(arrays, "tok_spectrum_desi", 4)
    assert codes.shape == (2, 273) and len(codes.unique()) > 50


def test_the_release_is_taken_where_it_is(model, monkeypatch):
    monkeypatch.setattr("foundation.interop.benchmark.peers.find_spec", lambda name: None)
    assert isinstance(peer_of(model), Plain)
