"""Convolutions by frequencies against direct ones in float64, and where PyTorch's stay."""

import pytest
import torch
import torch.nn.functional as F

from foundation.kernels.convolution import WideConv2d, benchmark, fourier, fourier_conv2d
from foundation.kernels.convolution.fourier import FEWEST_CHANNELS

CODEC = 24  # pixels of the grid of AION-1's image codec


def draw(images, channels, pixels, kernel, generator):
    x = torch.randn(images, channels[0], *pixels, generator=generator)
    weight = torch.randn(channels[1], channels[0], kernel, kernel, generator=generator)
    return x, weight, torch.randn(channels[1], generator=generator)


@pytest.fixture
def layer(generator):
    """A layer of the fewest channels that are worth it."""
    layer = WideConv2d(FEWEST_CHANNELS, FEWEST_CHANNELS, 5).requires_grad_(False)
    layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) / 64)
    return layer


@pytest.fixture
def counted(monkeypatch):
    """How often frequencies were the way."""
    calls = []
    monkeypatch.setattr(fourier, "fourier_conv2d", lambda *a: calls.append(a) or fourier_conv2d(*a))
    return calls


@pytest.mark.parametrize("kernel", [3, 5, 7])
@pytest.mark.parametrize("pixels", [(1, 1), (3, 17), (16, 16), (25, 8)])
def test_equals_float64_at_every_size(kernel, pixels, generator):
    x, weight, bias = draw(2, (3, 70), pixels, kernel, generator)
    exact = F.conv2d(x.double(), weight.double(), bias.double(), padding=kernel // 2)
    with torch.no_grad():
        found, without = fourier_conv2d(x, weight, bias).double(), fourier_conv2d(x, weight).double()
    torch.testing.assert_close(found, exact, rtol=1e-5, atol=5e-5)
    torch.testing.assert_close(without, exact - bias.double()[:, None, None], rtol=1e-5, atol=5e-5)


def test_rounds_no_worse_than_the_direct_way(generator):
    x, weight, _ = draw(1, (256, 64), (CODEC, CODEC), 7, generator)
    exact = F.conv2d(x.double(), weight.double(), padding=3)
    with torch.no_grad():
        ours, usual = fourier_conv2d(x, weight) - exact, F.conv2d(x, weight, padding=3) - exact
    assert ours.square().mean() < 2 * usual.square().mean()


def test_a_layer_takes_it_and_an_image_is_the_same_whatever_is_beside_it(generator, counted, layer):
    x = torch.randn(5, FEWEST_CHANNELS, CODEC, CODEC, generator=generator)
    with torch.no_grad():
        together = layer(x)
        assert all(torch.equal(layer(x[:n]), together[:n]) for n in (1, 2, 4))
        assert len(layer(x[:0])) == 0
    assert len(counted) == 5
    torch.testing.assert_close(together, F.conv2d(x, layer.weight, layer.bias, padding=2), rtol=1e-4, atol=1e-4)


def test_gradients_other_types_autocast_and_small_images_stay_as_they_are(generator, counted, layer):
    x = torch.randn(1, FEWEST_CHANNELS, CODEC, CODEC, generator=generator)
    layer.requires_grad_(True)(x).sum().backward()
    assert layer.weight.grad is not None
    with torch.no_grad():
        assert torch.equal(layer(x[..., :8, :8]), F.conv2d(x[..., :8, :8], layer.weight, layer.bias, padding=2))
        with torch.autocast("cpu", torch.bfloat16):
            assert layer(x).dtype == torch.bfloat16
        assert layer.double()(x.double()).dtype == torch.float64
    assert not counted


def test_the_benchmark_compares_the_same_work(monkeypatch):
    monkeypatch.setattr(benchmark, "IMAGES", (1,))
    monkeypatch.setattr(benchmark, "WIDTH", 8)
    [row] = benchmark.fourier_vs_direct()
    assert row.name == "7 x 7, 8 channels, 1 images of 24 x 24" and row.unit == "images/s"
    assert row.ratio == pytest.approx(row.b / row.a) and row.a > 0
