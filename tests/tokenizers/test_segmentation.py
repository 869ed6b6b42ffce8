"""Planes of one channel: the released size, and what is refused."""

import numpy as np
import pytest
import torch

from foundation.data.records import Image
from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.segmentation import SegmentationConfig, SegmentationTokenizer


def test_the_default_has_the_size_of_the_released_codec():
    tokenizer = SegmentationTokenizer(SegmentationConfig())
    assert sum(p.numel() for p in tokenizer.parameters()) == 10_239_493
    assert len(tokenizer.state_dict()) == 57
    assert (tokenizer.space.size, tokenizer.token_count) == (1000, 144)


def plane(value, bands=1):
    return Image(np.full((bands, 32, 32), value), tuple("abc"[:bands]), 0.262, np.ones((bands, 32, 32)))


@pytest.fixture
def tokenizer():
    return SegmentationTokenizer(SegmentationConfig(pixels=32, hidden=16, narrow=4, layers=1)).eval()


def test_several_bands_and_other_scales_are_refused(tokenizer):
    with pytest.raises(TokenizerError, match="3 bands, a plane has one"):
        tokenizer.encode([plane(0.5, bands=3)])
    with pytest.raises(TokenizerError, match="values from 2 to 2, wanted 0 to 1"):
        tokenizer.encode([plane(2.0)])
    with pytest.raises(TokenizerError, match="halvings"):
        SegmentationConfig(pixels=20)


def test_unusable_pixels_count_as_zero_and_not_in_the_loss(tokenizer):
    flux, ivar = np.full((1, 32, 32), 0.5), np.ones((1, 32, 32))
    ivar[:, :7] = 0
    prepared = tokenizer.prepare([Image(flux, ("a",), 0.262, ivar)])
    assert not prepared["value"][:, :, :7].any() and (prepared["value"][:, :, 7:] == 0.5).all()
    assert torch.equal(prepared["used"][0, 0, :, 0], (torch.arange(32) >= 7).float())
    with torch.no_grad():
        out = tokenizer.reconstruct(prepared)
    assert float(out.chi2) == pytest.approx(float((out.value - 0.5)[:, :, 7:].square().mean()), rel=1e-5)
