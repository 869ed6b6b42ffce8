"""Quantisers: every index there and back, against formulas written out here."""

import itertools
import math

import numpy as np
import pytest
import torch

from foundation.tokenizers.base import TokenizerError
from foundation.tokenizers.quantizer import CodeUse, make_quantizer

LEVELS = [(7, 5, 5, 5, 5), (8, 5, 5, 5), (4, 3), (3,), (2,) * 10, (2,) * 3]


@pytest.mark.parametrize("levels", LEVELS, ids=str)
def test_every_index_comes_back(levels):
    quantizer = make_quantizer(levels).eval()
    assert quantizer.size == math.prod(levels)
    assert quantizer.width == len(levels)
    every = torch.arange(quantizer.size)[None]
    codes = quantizer.codes(every)
    assert codes.shape == (1, quantizer.size, len(levels))
    assert len(codes[0].unique(dim=0)) == quantizer.size
    wide = codes * 3 if set(levels) == {2} else _before_bound(codes, levels)
    out = quantizer(wide)
    assert torch.equal(out.indices, every)
    torch.testing.assert_close(out.codes, codes)


def _before_bound(codes, levels):
    """What FSQ's bounding maps onto `codes`: the inverse of tanh(z + s) h - o, in units of floor(L / 2)."""
    level = torch.tensor(levels, dtype=torch.float64)
    half = (level - 1) * (1 + 1e-3) / 2
    offset = torch.where(level % 2 == 0, 0.5, 0.0)
    inside = (codes.double() * (level // 2) + offset) / half
    return (torch.atanh(inside) - torch.atanh(offset / half)).float()


@pytest.mark.parametrize("levels", [(7, 5, 5, 5, 5), (8, 5, 5, 5)], ids=str)
def test_fsq_follows_its_formula(levels):
    z = np.random.default_rng(0).normal(0, 2, (500, len(levels)))
    indices = []
    for row in z:
        index, stride = 0, 1
        for value, level in zip(row, levels, strict=True):
            half = (level - 1) * 1.001 / 2
            offset = 0.0 if level % 2 else 0.5
            digit = round(math.tanh(value + math.atanh(offset / half)) * half - offset) + level // 2
            index, stride = index + digit * stride, stride * level
        indices.append(index)
    out = make_quantizer(levels)(torch.from_numpy(z)[None])
    assert out.indices[0].tolist() == indices


def test_strides_of_the_released_image_codec_are_7_and_35():
    quantizer = make_quantizer((7, 5, 5, 5, 5))
    codes = quantizer.codes(torch.tensor([[3555, 3548, 3520]]))[0]
    assert (codes[0] - codes[1]).nonzero().flatten().tolist() == [1]
    assert (codes[0] - codes[2]).nonzero().flatten().tolist() == [2]


def test_lfq_reads_signs_with_the_first_component_most_significant():
    quantizer = make_quantizer((2,) * 4).eval()
    for signs in itertools.product([-1.0, 1.0], repeat=4):
        index = int("".join("1" if s > 0 else "0" for s in signs), 2)
        out = quantizer(0.3 * torch.tensor([[signs]]))
        assert out.indices.item() == index
        assert out.codes.flatten().tolist() == list(signs)
    assert quantizer(torch.zeros(1, 1, 4)).indices.item() == 0, "zero counts as minus"


@pytest.mark.parametrize("levels", [(7, 5), (2, 2, 2)], ids=str)
def test_gradients_pass_straight_through(levels):
    quantizer = make_quantizer(levels).train()
    z = torch.randn(2, 3, len(levels), requires_grad=True)
    out = quantizer(z)
    out.codes.sum().backward()
    assert (z.grad.abs() > 0).all()
    assert out.loss.shape == ()


def test_lfq_punishes_one_code_for_all():
    quantizer = make_quantizer((2,) * 4).train()
    spread = quantizer.codes(torch.arange(16)[None])
    same = spread[:, :1].expand(1, 16, 4)
    assert quantizer(spread).loss < quantizer(same).loss - 0.2
    assert quantizer.eval()(same).loss == 0


def test_normalising_spreads_saturated_vectors_over_the_codes_and_is_frozen_in_use(generator):
    """Far off centre, FSQ alone has one code; normalised it has most, and in use each vector's code is its own."""
    vectors = 6 + 0.3 * torch.randn(64, 50, 3, generator=generator)
    plain, normalised = make_quantizer((5, 5, 4)), make_quantizer((5, 5, 4), normalise=True)
    assert len(plain(vectors).indices.unique()) == 1
    for _ in range(100):
        normalised(vectors)
    normalised.eval()
    indices = normalised(vectors).indices
    assert len(indices.unique()) > 80
    torch.testing.assert_close(normalised.normal.running_mean, torch.full((3,), 6.0), atol=0.05, rtol=0)
    assert torch.equal(normalised(vectors[:1]).indices, indices[:1])


@pytest.mark.parametrize("levels", [(), (2, 3), (1, 5)], ids=str)
def test_levels_without_meaning_are_refused(levels):
    with pytest.raises(TokenizerError, match="levels"):
        make_quantizer(levels)


def test_use_of_a_codebook():
    use = CodeUse.of(torch.tensor([5, 5, 0, 0, 5, 5]))
    assert use.utilisation == pytest.approx(4 / 6)
    assert use.perplexity == pytest.approx(4)
    skewed = CodeUse.of(torch.tensor([90, 10]))
    assert skewed.perplexity == pytest.approx(math.exp(-0.9 * math.log(0.9) - 0.1 * math.log(0.1)))
    assert CodeUse.of(torch.zeros(4, dtype=torch.long)) == CodeUse(0.0, 1.0)
