"""The packed model against a slow reading of MIMIC, with tensors in the released layout."""

import pytest
import torch

from foundation.batch import pack
from foundation.interop.mimic import to_released
from foundation.model.tracks.config import TrackConfig
from foundation.model.tracks.transformer import TrackTransformer
from foundation.tokens import Space

GROUPS = [["aa_seq", "dssp"], ["rna_seq", "cds"], ["context"], ["caption"]]
SAMPLES = (
    {"aa_seq": 9, "dssp": 9, "rna_seq": 21, "cds": 21, "context": 7},
    {"rna_seq": 5, "cds": 5, "caption": 6},
    {"aa_seq": 12, "dssp": 12, "caption": 3, "context": 4},
)


def known(slow, model, tokens, reveal, asked):
    """Logits of the slow reading at the places that are asked, in their order."""
    config, given = model.config, {}
    for name in tokens.names():
        rows = tokens.of(name)
        rows = rows[reveal[rows] == 0]
        given[name] = tokens.ids[rows].tolist(), tokens.position[rows, 0].long().tolist()
    rows = tokens.of(asked)
    rows = rows[reveal[rows] == 1]
    places, text = tokens.position[rows, 0].long(), tokens.ids[rows] if asked in config.text else None
    sizes = config.heads, config.depth, config.decoder_depth
    return slow.logits(to_released(model), given, GROUPS, asked, places, *sizes, text)


@pytest.mark.parametrize("asked", ["aa_seq", "cds", "context", "caption"])
def test_logits_of_a_ragged_batch(slow, model, draw, asked):
    samples = [draw.sample(lengths) for lengths in SAMPLES if asked in lengths]
    reveals = [draw.reveal(tokens, asked) for tokens in samples]
    batch = pack(list(zip(samples, reveals, strict=True)), model.spaces)
    found = model.predict(model(batch), batch)[asked]
    rows = found.rows
    for document, (tokens, reveal) in enumerate(zip(samples, reveals, strict=True)):
        mine = found.distribution.logits[batch.document[rows] == document]
        mine = mine[1:] if asked in model.config.text else mine  # the release does not ask for a text's first
        wanted = known(slow, model, tokens, reveal, asked).log_softmax(-1)
        torch.testing.assert_close(mine, wanted, rtol=0, atol=1e-6)  # turns are of float32


def test_several_targets_do_not_see_each_other(model, draw):
    """What a modality is predicted to be does not depend on which others are asked."""
    tokens = draw.sample(SAMPLES[0])
    alone = draw.reveal(tokens, "cds")
    both = alone.clone()
    both[tokens.of("aa_seq")] = torch.where(alone[tokens.of("aa_seq")] == -1, 1, alone[tokens.of("aa_seq")])
    logits = []
    for reveal in (alone, both):
        batch = pack([(tokens, reveal)], model.spaces)
        logits.append(model.predict(model(batch), batch)["cds"].distribution.logits)
    torch.testing.assert_close(*logits, rtol=1e-12, atol=1e-12)


def test_published_sizes():
    """Encoder and decoder of release 1.0 have 566,447,616 and 453,133,824 parameters."""
    with torch.device("meta"):
        model = TrackTransformer(TrackConfig(), [Space("rna_seq", "discrete", 7)])
    sizes = [
        sum(p.numel() for part in parts for p in part.parameters())
        for parts in ((model.encoder, model.norm), (model.decoder, model.decoder_norm))
    ]
    assert sizes == [566_447_616, 453_133_824]
