"""The prologue's fast paths against its definition in float64, and the definition against PyTorch's modules."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from foundation.kernels.prologue import HeadNorm, pieces, qk_prologue, reference_prologue
from foundation.kernels.prologue.operator import head_prologue, head_prologue_backward

DIMS = (32, 64, 80, 88, 96, 128)
TOLERANCE = {torch.float32: 1e-5, torch.float16: 3e-3, torch.bfloat16: 2e-2}
CUDA = pytest.mark.gpu


def draw(tokens, heads, dim, kind, dtype, generator, device="cpu"):
    """A strided view of a projection, a norm, turns, and the weight of a scalar loss."""

    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    x = normal(tokens, 3, heads, dim).to(device, dtype)[:, 1]
    weight, bias = (normal(dim).to(device) for _ in range(2))
    norm = {"none": None, "rms": HeadNorm("rms", weight), "layer": HeadNorm("layer", weight, bias)}[kind]
    turns = torch.rand(tokens, dim // 2, generator=generator).to(device)
    turns[:, dim // 2 - 3 :] = 0  # pairs left over
    return x, norm, turns, normal(tokens, heads, dim).to(device, dtype)


def parts(x, norm):
    """What has a gradient."""
    return [t for t in (x, norm and norm.weight, norm and norm.bias) if t is not None]


def outputs_and_gradients(function, x, norm, turns, loss, dtype=None):
    x, loss = x.to(dtype or x.dtype).detach().requires_grad_(), loss.to(dtype or loss.dtype)
    if norm is not None:
        vectors = {
            n: v.to(dtype or v.dtype).detach().requires_grad_() for n, v in vars(norm).items() if torch.is_tensor(v)
        }
        norm = replace(norm, **vectors)
    out = function(x, norm, turns)
    return [out, *torch.autograd.grad((out * loss).sum(), parts(x, norm))]


def error(fast, slow):
    """Largest norm of a difference, relative to that of what it should be."""
    return max(
        float((f.detach().double() - s.detach()).norm() / s.detach().norm()) for f, s in zip(fast, slow, strict=True)
    )


def one(backend):
    return lambda x, norm, turns: qk_prologue(x, x[:0], norm, None, turns, None, backend=backend)[0]


def exact(case):
    x, norm, turns, loss = case
    return outputs_and_gradients(reference_prologue, x, norm, turns.double(), loss, torch.float64)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("kind", ["none", "rms", "layer"])
@pytest.mark.parametrize("dim", DIMS)
def test_kernel_equals_the_definition(dim, kind, dtype, generator):
    case = draw(17, 2, dim, kind, dtype, generator)
    fast = outputs_and_gradients(one("triton"), *case)
    assert fast[0].dtype == fast[1].dtype == dtype
    assert error(fast, exact(case)) < TOLERANCE[dtype]


@CUDA
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("kind", ["none", "rms", "layer"])
@pytest.mark.parametrize("dim", DIMS)
def test_kernel_equals_the_definition_on_a_gpu(dim, kind, dtype, generator):
    case = draw(1037, 5, dim, kind, dtype, generator, "cuda")
    fast = outputs_and_gradients(one("auto"), *case)
    assert error(fast, exact(case)) < TOLERANCE[dtype]
    assert all(torch.equal(a, b) for a, b in zip(fast, outputs_and_gradients(one("auto"), *case), strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("kind", ["none", "rms", "layer"])
def test_torch_path_equals_the_definition(kind, dtype, generator):
    case = draw(9, 3, 24, kind, dtype, generator)
    fast = outputs_and_gradients(one("auto"), *case)
    assert fast[0].dtype == dtype
    assert error(fast, exact(case)) < TOLERANCE.get(dtype, 1e-6)


@pytest.mark.parametrize("kind", ["rms", "layer"])
@pytest.mark.parametrize("tokens", [0, 1, 14, 15])
def test_rows_in_pieces_are_the_definition(tokens, kind, generator, monkeypatch):
    """The torch path takes some rows at a time on a CPU."""
    monkeypatch.setattr(pieces, "PIECE", 7 * 3 * 24)
    x, norm, turns, loss = draw(tokens, 3, 24, kind, torch.float64, generator)
    fast, slow = (
        outputs_and_gradients(way, x, norm, turns, loss, torch.float64) for way in (one("auto"), reference_prologue)
    )
    torch.testing.assert_close(fast, slow, rtol=1e-6, atol=1e-6)  # turns are of float32


@pytest.mark.parametrize("tokens", [0, 1, 16, 33])
def test_lengths_without_rotation(tokens, generator):
    x, norm, _, loss = draw(tokens, 1, 32, "layer", torch.float32, generator)
    fast = outputs_and_gradients(one("triton"), x, norm, None, loss)
    slow = outputs_and_gradients(reference_prologue, x, norm, None, loss, torch.float64)
    assert fast[0].shape == (tokens, 1, 32)
    torch.testing.assert_close([f.double() for f in fast], slow, rtol=1e-5, atol=1e-5)


def test_definition_is_pytorchs_norms(generator):
    x = torch.randn(7, 2, 16, dtype=torch.float64, generator=generator)
    for kind, module in (("rms", nn.RMSNorm(16, eps=1e-3)), ("layer", nn.LayerNorm(16, eps=1e-3))):
        for parameter in module.double().parameters():
            nn.init.normal_(parameter, generator=generator)
        norm = HeadNorm(kind, module.weight, getattr(module, "bias", None), 1e-3)
        torch.testing.assert_close(reference_prologue(x, norm, None), module(x))


def test_rotation_is_multiplication_by_a_complex_number(generator):
    x = torch.randn(3, 2, 8, dtype=torch.float64, generator=generator)
    turns = torch.rand(3, 4, dtype=torch.float64, generator=generator)
    out = reference_prologue(x, None, turns)
    turned = torch.complex(x[..., :4], x[..., 4:]) * torch.exp(2j * math.pi * turns)[:, None]
    torch.testing.assert_close(torch.complex(out[..., :4], out[..., 4:]), turned)


def test_sines_and_cosines_of_the_kernel_are_good_to_5e_7():
    """Also at quarters of a turn, where the series change, and beyond one turn."""
    turns = torch.cat([torch.linspace(0, 1, 321), torch.arange(-8, 9) / 8, torch.tensor([0.125 - 1e-7, 1 - 6e-8])])
    turns = torch.nn.functional.pad(turns, (0, -len(turns) % 64)).view(-1, 64)
    x = torch.zeros(len(turns), 1, 128)
    x[..., :64] = 1
    out = one("triton")(x, None, turns)[:, 0].double()
    angle = turns.double() * 2 * math.pi
    torch.testing.assert_close(out, torch.cat([angle.cos(), angle.sin()], -1), rtol=0, atol=5e-7)
    assert torch.equal(out[0, 0], torch.ones((), dtype=torch.float64))


def test_every_element_is_written(monkeypatch, generator):
    """Memory that is not cleared holds anything: here, NaN."""
    empty = torch.empty
    monkeypatch.setattr(torch, "empty", lambda *a, **k: empty(*a, **k).fill_(torch.nan))
    fast = outputs_and_gradients(one("triton"), *draw(17, 3, 88, "layer", torch.float32, generator))
    assert all(torch.isfinite(f).all() for f in fast)


def test_queries_and_keys_of_other_length(generator):
    q, norm, q_turns, _ = draw(5, 2, 32, "rms", torch.float32, generator)
    k, _, k_turns, _ = draw(9, 2, 32, "rms", torch.float32, generator)
    for backend in ("triton", "torch"):
        fast_q, fast_k = qk_prologue(q, k, norm, None, q_turns, k_turns, backend)
        torch.testing.assert_close(fast_q, reference_prologue(q, norm, q_turns))
        torch.testing.assert_close(fast_k, reference_prologue(k, None, k_turns))


def test_operators_keep_pytorchs_contract(generator):
    x, norm, turns, loss = draw(3, 1, 32, "layer", torch.float32, generator)
    weight, bias = norm.weight.requires_grad_(), norm.bias.requires_grad_()
    x = x.contiguous().requires_grad_()
    checks = ("test_schema", "test_faketensor", "test_autograd_registration", "test_aot_dispatch_static")
    torch.library.opcheck(head_prologue, (x, weight, bias, turns, "layer", 1e-6), test_utils=checks)
    arguments = (loss, x.detach(), None, turns, "none", 0.0)
    torch.library.opcheck(head_prologue_backward, arguments, test_utils=checks[:2])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"x": torch.zeros(3, 1, 31)}, "got \\[3, 1, 31\\]. Give \\[tokens, heads, dim\\]"),
        ({"turns": torch.zeros(3, 32)}, "turns are \\[3, 32\\]"),
        ({"norm": HeadNorm("rms", torch.ones(8))}, "weight is \\[8\\]. Give \\[32\\]"),
        ({"turns": torch.zeros(3, 16, device="meta")}, "on cpu and meta. Move all of them"),
        ({"x": torch.zeros(3, 1, 20), "turns": None, "norm": HeadNorm("rms", torch.ones(20))}, "20 components"),
        ({"x": torch.zeros(3, 1, 32).bfloat16()}, "interpreter is wrong on bfloat16"),
        ({"x": torch.zeros(3, 1, 32).double()}, "got torch.float64"),
        ({"backend": "cuda"}, "backend is 'cuda'"),
    ],
)
def test_bad_input_gets_one_sentence(change, sentence):
    given = {"x": torch.zeros(3, 1, 32), "norm": None, "turns": torch.zeros(3, 16), "backend": "triton"} | change
    with pytest.raises(ValueError, match=sentence):
        one(given.pop("backend"))(**given)


def test_unknown_norm_is_refused():
    with pytest.raises(ValueError, match=r"kind is 'batch'\. Give one of rms, layer"):
        HeadNorm("batch", torch.ones(3))
