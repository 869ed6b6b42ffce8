"""Heads that begin by looking at the rows right beside, and a model without them as published."""

from dataclasses import replace

import pytest
import torch

from foundation.batch import pack
from foundation.errors import FoundationError
from foundation.model.tracks.config import TrackConfig
from foundation.model.tracks.neighbours import offsets, same_place
from foundation.model.tracks.transformer import TrackTransformer
from foundation.seeded import seeded

SIZES = {"width": 96, "depth": 3, "decoder_depth": 1, "heads": 6, "hidden": 64, "registers": 2, "rotated": 12}
N, CHANGED = 90, 45


def made(draw, **more):
    with seeded(0):
        config = TrackConfig(**SIZES, base=20, **more)
        return TrackTransformer(config, [draw.spaces[name] for name in ("rna_seq", "cds")]).double()


def moved(draw, model, name):
    """By how much what the heads of an attention gather changes with one letter [rows, heads]; coding is asked."""
    tokens, seen = draw.sample({"rna_seq": N, "cds": N}), []
    other = tokens.ids.clone()
    other[CHANGED] = (other[CHANGED] + 1) % 4
    handle = model.get_submodule(name).register_forward_pre_hook(lambda _, x: seen.append(x[0].unflatten(-1, (6, -1))))
    for ids in (tokens.ids, other):
        model(pack([(replace(tokens, ids=ids), torch.arange(2).repeat_interleave(N))], model.spaces))
    handle.remove()
    return (seen[1] - seen[0]).norm(dim=-1)


@pytest.mark.parametrize(("directional", "expected"), [(0, [-1, 1, -2, 2, -3, 3]), (0.67, [-1, -2, 1, 2, -3, 3])])
def test_each_head_of_the_first_block_looks_at_its_neighbour(draw, directional, expected):
    """Also those that see one side only."""
    model = made(draw, local=1, directional=directional)
    change = moved(draw, model, "encoder.0.attention.out")[SIZES["registers"] :]
    assert [CHANGED - row for row in change.argmax(0).tolist()] == expected


def test_queries_look_at_the_same_place(draw):
    model = made(draw, local=1)
    change = moved(draw, model, "decoder.0.cross.out")
    assert [CHANGED - o for o in (0, -1, 1)] == change[:, :3].argmax(0).tolist()
    assert same_place(6) == [0, -1, 1, None, None, None]


def test_two_blocks_see_a_stretch_without_gaps():
    """Sums of an offset of each block, or none of it, are all places within their reach once."""
    own, beyond = ([0, *(o for o in offsets(6, block) if o is not None)] for block in (0, 1))
    assert sorted(a + b for a in own for b in beyond) == list(range(-24, 25))
    assert offsets(3, 0) == [-1, 1, None] and offsets(1, 0) == [None]


def test_without_them_it_begins_as_published(draw):
    """Tables of deviation 0.02, and no head that prefers a neighbour: attention is spread over all rows."""
    model = made(draw, directional=0)
    assert model.get_parameter("embed.value.rna_seq.weight").std() < 0.03
    change = moved(draw, model, "encoder.0.attention.out")[SIZES["registers"] :]
    assert change.max() < 0.3 * change.sum(0).min()


@pytest.mark.parametrize("sizes", [{"local": 4}, {"local": -1}, {"local": 1, "rotated": 0}])
def test_what_cannot_be_is_refused(sizes):
    with pytest.raises(FoundationError, match="local blocks"):
        TrackConfig(**{**SIZES, **sizes})
