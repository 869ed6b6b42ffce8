"""Transposed convolutions by ordinary ones, against PyTorch's own in float64."""

import pytest
import torch
import torch.nn.functional as F

from foundation.model.fields.convolution import interleaved, transposed

USUAL = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


def draw(size, kernel, channels, generator):
    x = torch.randn(2, 3, *size, dtype=torch.float64, generator=generator)
    w = torch.randn(3, channels, *kernel, dtype=torch.float64, generator=generator)
    bias = torch.randn(channels, dtype=torch.float64, generator=generator)
    return [t.requires_grad_() for t in (x, w, bias)]


@pytest.mark.parametrize(
    ("size", "kernel", "strides"),
    [
        ((5,), (8,), [3]),
        ((4, 3), (8, 4), [2, 4]),
        ((3, 4, 2), (8, 8, 8), [2, 2, 2]),
        ((3, 1, 2), (4, 8, 5), [1, 3, 4]),
        ((2, 3, 2), (3, 3, 3), [5, 4, 3]),  # strides longer than the kernel leave gaps
    ],
)
@pytest.mark.parametrize("biased", [False, True])
def test_interleaving_is_the_transposed_convolution(size, kernel, strides, biased, generator):
    x, w, bias = draw(size, kernel, 2, generator)
    bias = bias if biased else None
    found, known = interleaved(x, w, bias, strides), USUAL[len(strides)](x, w, bias, stride=strides)
    torch.testing.assert_close(found, known)


@pytest.mark.parametrize("channels", [2, 20])
@pytest.mark.parametrize("biased", [False, True])
def test_gradients_in_three_dimensions(channels, biased, generator):
    """With few channels the forward pass is interleaved and the backward one is not."""
    parts = draw((3, 4, 2), (8, 4, 8), channels, generator)[: 2 + biased]
    found, known = transposed(*parts, *[None][biased:], [2, 2, 3]), USUAL[3](*parts, stride=[2, 2, 3])
    weight = torch.randn(known.shape, dtype=torch.float64, generator=generator)
    slopes = (torch.autograd.grad((y * weight).sum(), parts) for y in (found, known))
    for a, b in zip(*slopes, strict=True):
        torch.testing.assert_close(a, b)


def test_under_autocast_weights_have_gradients_in_their_own_precision(generator):
    x, w, bias = (t.detach().float().requires_grad_() for t in draw((3, 4, 2), (8, 8, 8), 2, generator))
    with torch.autocast("cpu", torch.bfloat16):
        mixed = transposed(x, w, bias, [2, 2, 2])
    assert mixed.dtype == torch.bfloat16
    mixed.float().square().sum().backward()
    rough = [t.grad for t in (x, w, bias)]
    exact = torch.autograd.grad(USUAL[3](x, w, bias, [2, 2, 2]).square().sum(), (x, w, bias))
    for a, b in zip(rough, exact, strict=True):
        assert a.dtype == torch.float32 and (a - b).norm() < 0.02 * b.norm()
