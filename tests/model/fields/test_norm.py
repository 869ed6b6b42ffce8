"""The norms that are computed again in the backward pass, against themselves written out."""

import pytest
import torch
import torch.nn.functional as F

from foundation.model.fields.gated import gated_linear
from foundation.model.fields.norm import instance_norm, norm_linear, norm_silu


def written_out(x, gain):
    return x / (x.square().mean(1, keepdim=True) + torch.finfo(x.dtype).eps).sqrt() * gain


@pytest.fixture
def parts(generator):
    shapes = {"x": (3, 7, 5), "gain": (5,), "weight": (4, 5), "bias": (4,)}
    return {n: torch.randn(s, generator=generator, dtype=torch.float64).requires_grad_() for n, s in shapes.items()}


def test_instance_norm(parts):
    x, gain = parts["x"], parts["gain"]
    assert torch.allclose(instance_norm(x, gain), written_out(x, gain), atol=1e-14)
    assert torch.allclose(instance_norm(x, torch.ones(5)).square().mean(1), torch.ones(3, 5).double())


@pytest.mark.parametrize("what", ["linear", "silu"])
def test_outputs_and_gradients(parts, what):
    used = list(parts.values())[: 4 if what == "linear" else 2]
    fast = norm_linear(*used) if what == "linear" else norm_silu(*used)
    slow = F.linear(written_out(*used[:2]), *used[2:]) if what == "linear" else F.silu(written_out(*used))
    assert torch.allclose(fast, slow, atol=1e-13)
    weigh = torch.randn_like(fast)
    for f, s in zip(*(torch.autograd.grad((y * weigh).sum(), used) for y in (fast, slow)), strict=True):
        assert torch.allclose(f, s, atol=1e-12)


def test_gated_linear(generator):
    both = torch.randn(2, 6, 10, generator=generator, dtype=torch.float64).requires_grad_()
    weight, bias = (torch.randn(s, generator=generator, dtype=torch.float64).requires_grad_() for s in ((3, 5), (3,)))
    value, gate = both.split(5, -1)
    fast, slow = gated_linear(value, gate, weight, bias), F.linear(value * F.silu(gate), weight, bias)
    assert torch.allclose(fast, slow, atol=1e-14)
    for f, s in zip(*(torch.autograd.grad(y.square().sum(), (both, weight, bias)) for y in (fast, slow)), strict=True):
        assert torch.allclose(f, s, atol=1e-12)


@pytest.mark.parametrize("function", [norm_linear, gated_linear])
def test_products_follow_autocast_and_weights_keep_their_type(parts, function):
    x, gain, weight, bias = (p.detach().float().requires_grad_() for p in parts.values())
    with torch.autocast("cpu", torch.bfloat16):
        arguments = (x, gain) if function is norm_linear else (x.bfloat16(), x.bfloat16())
        y = function(*arguments, weight, bias)
    assert y.dtype == torch.bfloat16
    y.float().square().sum().backward()
    assert weight.grad.dtype == bias.grad.dtype == x.grad.dtype == torch.float32
    exact = function(*(a.detach().float() for a in arguments), weight, bias)
    assert torch.allclose(y.float(), exact, atol=0.05 * float(exact.detach().abs().max()))


def test_a_channel_of_zeros_has_finite_gradients():
    x = torch.zeros(1, 4, 2).requires_grad_()
    norm_linear(x, torch.ones(2), torch.ones(3, 2), torch.zeros(3)).sum().backward()
    assert torch.isfinite(x.grad).all()
