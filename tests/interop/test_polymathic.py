"""Against `polymathic-aion` itself, where it is installed: the same random weights, the same answers."""

import json

import pytest
import torch

from foundation.batch import pack
from foundation.interop.aion_files import write_aion
from foundation.interop.aion_keys import KEYS
from foundation.interop.aion_tokens import from_arrays
from foundation.model.pretrained import FoundationModel

pytest.importorskip("aion.fourm")
GIVEN = ("tok_image_hsc", "tok_ebv", "tok_xp_bp", "tok_segmap", "catalog")


@pytest.fixture
def both(aion, tmp_path):
    """The released code's model and ours, from one directory in the released layout."""
    from aion.model import AION

    write_aion(aion(sorted((*GIVEN, "tok_spectrum_desi", "tok_z"))), tmp_path / "aion")
    theirs = AION(json.loads((tmp_path / "aion" / "config.json").read_text())).eval()
    from safetensors.torch import load_file

    theirs.load_state_dict(load_file(tmp_path / "aion" / "model.safetensors"), strict=True)
    return theirs, FoundationModel.from_pretrained(tmp_path / "aion", released_behaviour=True)


def test_embeddings(both, draw_arrays):
    theirs, ours = both
    arrays = draw_arrays(GIVEN[:-1])  # it takes a catalogue for a sentence and rewrites it
    count = sum(a.shape[1] for a in arrays.values())
    with torch.no_grad():
        expected = theirs.encode(arrays, num_encoder_tokens=count)
    found = ours.encode(from_arrays(arrays), pool="none")
    torch.testing.assert_close(found.values.view_as(expected), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("asked", [("tok_z",), ("tok_spectrum_desi",), ("tok_spectrum_desi", "tok_z")])
def test_logits(both, draw_arrays, asked):
    from aion import modalities

    theirs, ours = both
    kinds = {"tok_z": modalities.Z, "tok_spectrum_desi": modalities.DESISpectrum}
    arrays = draw_arrays(GIVEN[:-1])
    with torch.no_grad():
        expected = theirs(arrays, [kinds[k] for k in asked])
    asked_arrays = {k: torch.zeros(2, KEYS[k].space.axes[0].count if KEYS[k].axes else 1).long() for k in asked}
    tokens = from_arrays(arrays | asked_arrays)
    reveal = [torch.tensor([int(s.name in asked) for s in t.spaces])[t.space] for t in tokens]
    batch = pack(list(zip(tokens, reveal, strict=True)), ours.spaces)
    with torch.no_grad():
        predictions = ours.predict(ours(batch), batch)
    for key in asked:
        found = predictions[key].distribution.logits.view_as(expected[key])
        torch.testing.assert_close(found, expected[key].log_softmax(-1), rtol=1e-5, atol=1e-5)
