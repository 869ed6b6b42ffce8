"""The chunked loss against its definition, in outputs, gradients and memory."""

import sys
import types

import pytest
import torch

from foundation.bench import peak_bytes
from foundation.kernels.loss import linear_cross_entropy, loss, reference_linear_cross_entropy
from foundation.kernels.loss.benchmark import chunked_vs_whole

GPU_TYPES = [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)]


def draw(n, width, size, dtype, generator):
    states = torch.randn(n, 2 * width, generator=generator).to(dtype)[:, :width].requires_grad_()  # a strided view
    weight = torch.randn(size, width, generator=generator).to(dtype).requires_grad_()
    return states, weight, torch.randint(size, (n,), generator=generator)


def outputs_and_gradients(function, states, weight, target, **options):
    out = function(states, weight, target, **options)
    return [out, *torch.autograd.grad(3 * out, (states, weight))]


def error(fast, slow):
    pairs = [(f.detach().double(), s.detach()) for f, s in zip(fast, slow, strict=True)]
    return max(float((f - s).norm() / s.norm()) for f, s in pairs)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-13), (torch.float32, 1e-5), (torch.bfloat16, 2e-2)]
)
@pytest.mark.parametrize("logits", [1, 100, 1 << 20])
def test_equals_the_definition(dtype, tolerance, logits, generator):
    states, weight, target = draw(37, 16, 29, dtype, generator)
    fast = outputs_and_gradients(linear_cross_entropy, states, weight, target, logits=logits)
    exact = [x.detach().double().requires_grad_() for x in (states, weight)]
    assert fast[1].dtype == fast[2].dtype == dtype
    assert error(fast, outputs_and_gradients(reference_linear_cross_entropy, *exact, target)) < tolerance


def test_autocast_loses_what_the_definition_loses(generator):
    states, weight, target = draw(64, 16, 50, torch.float32, generator)
    with torch.autocast("cpu", torch.bfloat16):
        fast = outputs_and_gradients(linear_cross_entropy, states, weight, target, logits=500)
    assert fast[0].dtype == fast[1].dtype == fast[2].dtype == torch.float32
    exact = [x.detach().double().requires_grad_() for x in (states, weight)]
    assert error(fast, outputs_and_gradients(reference_linear_cross_entropy, *exact, target)) < 2e-2


def test_products_under_autocast_are_in_its_type(generator):
    states, weight, target = draw(64, 16, 50, torch.float32, generator)
    cast = states.detach().bfloat16().requires_grad_()
    expected = linear_cross_entropy(cast, weight.detach().bfloat16(), target, logits=500)
    with torch.autocast("cpu", torch.bfloat16):
        found = linear_cross_entropy(states, weight, target, logits=500)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    (slope,) = torch.autograd.grad(expected, cast)
    torch.testing.assert_close(torch.autograd.grad(found, states)[0], slope.float(), rtol=0, atol=0)


@pytest.mark.parametrize("which", [0, 1])
def test_frozen_states_or_a_frozen_head(which, generator):
    inputs = draw(9, 8, 7, torch.float64, generator)
    inputs[which].requires_grad_(False)
    results = [
        torch.autograd.grad(function(*inputs), inputs[1 - which])[0]
        for function in (linear_cross_entropy, reference_linear_cross_entropy)
    ]
    torch.testing.assert_close(*results)


def test_without_gradient_and_without_rows(generator):
    states, weight, target = draw(9, 8, 7, torch.float64, generator)
    with torch.no_grad():
        fast, slow = (f(states, weight, target) for f in (linear_cross_entropy, reference_linear_cross_entropy))
    torch.testing.assert_close(fast, slow)
    empty = outputs_and_gradients(linear_cross_entropy, states[:0], weight, target[:0])
    assert not empty[0].any() and not empty[2].any()


def test_gradient_check(generator):
    states, weight, target = draw(5, 4, 6, torch.float64, generator)
    assert torch.autograd.gradcheck(lambda s, w: linear_cross_entropy(s, w, target, logits=12), (states, weight))


def test_large_logits_stay_finite(generator):
    states, weight, target = draw(5, 4, 6, torch.float32, generator)
    assert all(
        torch.isfinite(x).all() for x in outputs_and_gradients(linear_cross_entropy, states * 1e4, weight, target)[:1]
    )


def test_memory_at_10_000_codes_is_less_than_a_third(generator):
    inputs = draw(2048, 16, 10_000, torch.float32, generator)
    ours, usual = (
        peak_bytes(lambda f=f: outputs_and_gradients(f, *inputs))
        for f in (linear_cross_entropy, reference_linear_cross_entropy)
    )
    assert ours < 0.3 * usual


def test_ligers_kernel_is_taken_on_cuda(monkeypatch):
    """With a stand-in for Liger, which has no way to run here."""
    calls = []

    class LigerFusedLinearCrossEntropyLoss:
        def __init__(self, reduction):
            self.reduction = reduction

        def __call__(self, *inputs):
            calls.append((self.reduction, inputs))
            return torch.zeros(())

    module = types.ModuleType("liger_kernel.transformers")
    module.LigerFusedLinearCrossEntropyLoss = LigerFusedLinearCrossEntropyLoss
    monkeypatch.setitem(sys.modules, "liger_kernel", types.ModuleType("liger_kernel"))
    monkeypatch.setitem(sys.modules, "liger_kernel.transformers", module)
    inputs = torch.zeros(2, 3), torch.zeros(5, 3), torch.zeros(2).long()
    loss._by_liger(*inputs)
    assert calls[0][0] == "sum" and [x.shape for x in calls[0][1]] == [(5, 3), (2, 3), (2,)]


@pytest.mark.gpu
@pytest.mark.parametrize(("dtype", "tolerance"), GPU_TYPES)
def test_equals_the_definition_on_a_gpu(dtype, tolerance, generator):
    states, weight, target = (x.detach().cuda() for x in draw(1000, 64, 5000, dtype, generator))
    fast = outputs_and_gradients(linear_cross_entropy, states.requires_grad_(), weight.requires_grad_(), target)
    exact = [x.detach().double().requires_grad_() for x in (states, weight)]
    assert error(fast, outputs_and_gradients(reference_linear_cross_entropy, *exact, target)) < tolerance


def test_bad_input_gets_one_sentence():
    states, weight = torch.zeros(3, 4), torch.zeros(5, 4)
    with pytest.raises(ValueError, match=r"targets run from 0 to 5\. Give codes from 0 to 4"):
        linear_cross_entropy(states, weight, torch.tensor([0, 5, 2]))


def test_benchmark_compares_speed_and_memory(monkeypatch):
    monkeypatch.setattr("foundation.kernels.loss.benchmark.TARGETS", 8)
    speed, memory = chunked_vs_whole()
    assert speed.unit == "targets/s" and memory.unit == "bytes at the peak" and memory.a > 0
