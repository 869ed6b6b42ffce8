"""MIMIC's released layout: both ways, strict, copies checked."""

import pytest
import torch

from foundation.errors import FoundationError
from foundation.interop.mimic import config_of, from_released, spaces_of, to_released
from foundation.model.tracks.config import TrackConfig
from foundation.model.tracks.transformer import TrackTransformer
from foundation.tokens import Space

CONFIG = TrackConfig(
    width=64, depth=2, decoder_depth=1, heads=4, hidden=40, rotated=12, text=("context", "corpus"), text_width=24
)
SPACES = [Space(n, "discrete", s) for n, s in (("rna_seq", 7), ("cage", 23), ("context", 50), ("corpus", 50))]


@pytest.fixture
def model():
    torch.manual_seed(0)
    return TrackTransformer(CONFIG, SPACES)


def test_both_ways(model):
    released = to_released(model)
    assert config_of(released) == CONFIG
    assert [(s.name, s.size) for s in spaces_of(released)] == [(s.name, s.size) for s in SPACES]
    back = from_released(released)
    for name, tensor in back.state_dict().items():
        torch.testing.assert_close(tensor, model.state_dict()[name], rtol=0, atol=1e-6)  # gains less 1, and back


def test_names_and_shapes_of_the_release(model):
    released = {n: tuple(t.shape) for n, t in to_released(model).items()}
    expected = {
        "encoder_embeddings.tok_rna_seq.mod_emb": (1, 1, 64),
        "encoder_embeddings.tok_cage.token_emb.weight": (23, 64),
        "decoder_embeddings.tok_cage.token_emb.weight": (23, 64),
        "decoder_embeddings.tok_corpus.text_token_emb.1.weight": (64, 24),
        "decoder_embeddings.tok_context.to_logits.weight": (50, 64),
        "encoder.torso.layers.2.1.to_q.weight": (64, 64),
        "encoder.torso.layers.3.1.ff.0.0.weight": (40, 64),
        "decoder.torso.layers.1.0.0.gamma": (64,),
        "decoder.torso.layers.2.1.ff.2.bias": (64,),
        "decoder.torso.rotary_pos_emb.inv_freq": (6,),
        "decoder_proj_context.bias": (64,),
        "register_tokens": (1, 5, 64),
        "mask_token": (1, 1, 64),
    }
    assert expected.items() <= released.items()
    blocks = 2 * 2 * 1 + 2 * (4 + 4) + 1 + 1 * (3 + 8 + 4) + 1  # norms, maps and final norms of both sides
    others = 2 + 2 * 4 + 2 * 2 + 4 + 2 * 2 * 5 + 2 + 3  # frequencies, vectors, tables, heads, text, context, single
    assert len(released) == blocks + others


def test_strictness(model):
    released = to_released(model)
    with pytest.raises(FoundationError, match="missing: mask_token; left over: more"):
        from_released({n: t for n, t in released.items() if n != "mask_token"} | {"more": torch.zeros(1)}, CONFIG)
    with pytest.raises(FoundationError, match="not those of MIMIC"):
        config_of({"weight": torch.zeros(3)})
    other = released | {"decoder_embeddings.tok_corpus.text_token_emb.1.bias": torch.ones(64)}
    with pytest.raises(FoundationError, match=r"tok_corpus\.text_token_emb\.1\.bias differ"):
        from_released(other)
    bad = released | {"decoder.torso.rotary_pos_emb.inv_freq": torch.ones(6)}
    with pytest.raises(FoundationError, match="frequencies of the decoder"):
        from_released(bad)
