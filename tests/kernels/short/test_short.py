"""The fast paths of short attention against its definition in float64, and the definition against PyTorch's own."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from foundation.kernels.prologue import HeadNorm
from foundation.kernels.short import reference_short_attention, short_attention
from foundation.kernels.short.operator import short_heads, short_heads_backward

TOLERANCE = {torch.float32: 1e-5, torch.float16: 3e-3, torch.bfloat16: 2e-2}


def draw(shape, kind, dtype, generator, device="cpu"):
    """q, k, v as views of one projection, the other tensors by name, and the weight of a scalar loss."""
    positions, frames, heads, dim = shape

    def normal(*size):
        return torch.randn(*size, generator=generator).to(device)

    qkv = normal(positions, frames, 3, heads, dim).to(dtype).unbind(2)
    norms = {"none": 0, "rms": 1, "layer": 2}[kind]
    q_norm, k_norm = (HeadNorm(kind, *(normal(dim) for _ in range(norms))) if norms else None for _ in "qk")
    bias = normal(heads, 2 * frames - 1) if norms else None
    return qkv, {"bias": bias, "q_norm": q_norm, "k_norm": k_norm}, normal(*shape).to(dtype)


def fresh(x, dtype):
    """A leaf of the graph."""
    return x.detach().to(dtype or x.dtype).requires_grad_()


def outputs_and_gradients(function, case, dtype=None, **options):
    qkv, rest, loss = case
    leaves = [fresh(x, dtype) for x in qkv]
    rest = dict(rest)
    for name, x in rest.items():
        if isinstance(x, HeadNorm):
            rest[name] = replace(x, **{n: fresh(t, dtype) for n, t in vars(x).items() if torch.is_tensor(t)})
            leaves += [t for t in (rest[name].weight, rest[name].bias) if t is not None]
        elif x is not None:
            rest[name] = fresh(x, dtype)
            leaves.append(rest[name])
    out = function(*leaves[:3], **rest, **options)
    return [x.detach() for x in (out, *torch.autograd.grad((out * loss.to(out.dtype)).sum(), leaves))]


def error(fast, slow):
    """Largest norm of a difference, relative to that of what it should be; gradients may vanish, as of keys' biases."""
    least = slow[0].norm() / 10
    return max(float((f.double() - s).norm() / torch.maximum(s.norm(), least)) for f, s in zip(fast, slow, strict=True))


CASES = [
    ((9, 6, 2, 88), "layer", True),
    ((5, 6, 2, 32), "none", False),
    ((3, 16, 1, 64), "rms", True),
    ((9, 5, 2, 80), "rms", False),
    ((2, 3, 3, 128), "layer", True),
    ((2, 1, 1, 96), "layer", False),
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize(("shape", "kind", "causal"), CASES)
def test_kernel_equals_the_definition(shape, kind, causal, dtype, generator):
    case = draw(shape, kind, dtype, generator)
    fast = outputs_and_gradients(short_attention, case, causal=causal, backend="triton")
    assert fast[0].dtype == fast[1].dtype == dtype
    slow = outputs_and_gradients(reference_short_attention, case, torch.float64, causal=causal)
    assert error(fast, slow) < TOLERANCE[dtype]


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize(("shape", "kind", "causal"), CASES)
def test_kernel_equals_the_definition_on_a_gpu(shape, kind, causal, dtype, generator):
    case = draw((517, *shape[1:]), kind, dtype, generator, "cuda")
    fast = outputs_and_gradients(short_attention, case, causal=causal)
    slow = outputs_and_gradients(reference_short_attention, case, torch.float64, causal=causal)
    assert error(fast, slow) < TOLERANCE[dtype]
    again = outputs_and_gradients(short_attention, case, causal=causal)
    assert all(torch.equal(a, b) for a, b in zip(fast, again, strict=True))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("shape", "kind", "causal"), CASES)
def test_torch_path_equals_the_definition(shape, kind, causal, dtype, generator):
    case = draw(shape, kind, dtype, generator)
    slow = outputs_and_gradients(reference_short_attention, case, torch.float64, causal=causal)
    assert error(outputs_and_gradients(short_attention, case, causal=causal), slow) < TOLERANCE.get(dtype, 1e-6) * 3
    with torch.no_grad():
        qkv, rest, _ = case
        assert error([short_attention(*qkv, **rest, causal=causal)], slow[:1]) < TOLERANCE.get(dtype, 1e-6) * 3


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("shape", "kind", "causal"), CASES)
def test_path_for_the_compiler_equals_the_definition(shape, kind, causal, dtype, generator, monkeypatch):
    case = draw(shape, kind, dtype, generator)
    slow = outputs_and_gradients(reference_short_attention, case, torch.float64, causal=causal)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    assert error(outputs_and_gradients(short_attention, case, causal=causal), slow) < TOLERANCE.get(dtype, 1e-6) * 3


# apart from this process, whose functions are wrapped to check shapes: a wrapper is no part of what is compiled
COMPILED = """
import torch
from foundation.kernels.prologue import HeadNorm
from foundation.kernels.short import short_attention

qkv = torch.randn(5, 6, 3, 2, 32, generator=torch.Generator().manual_seed(0)).requires_grad_()
norm, bias = HeadNorm("rms", torch.ones(32)), torch.randn(2, 11, generator=torch.Generator().manual_seed(1))

def loss(qkv):
    return short_attention(*qkv.unbind(2), bias, norm, norm, causal=True).square().sum()

compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
eager, graph = (torch.autograd.grad(f(qkv), qkv)[0] for f in (loss, compiled))
torch.testing.assert_close(eager, graph)
print("one graph")
"""


def test_one_graph():
    run = subprocess.run([sys.executable, "-c", COMPILED], capture_output=True, text=True, timeout=300)
    assert run.stdout.strip() == "one graph", run.stderr[-3000:]


@pytest.mark.parametrize("causal", [False, True])
def test_definition_is_pytorchs_attention(causal, generator):
    qkv, _, _ = draw((3, 5, 2, 8), "none", torch.float64, generator)
    expected = F.scaled_dot_product_attention(*(x.transpose(1, 2) for x in qkv), is_causal=causal).transpose(1, 2)
    torch.testing.assert_close(reference_short_attention(*qkv, causal=causal), expected)


@pytest.mark.parametrize("backend", ["torch", "triton"])
def test_bias_weighs_distances_in_time(backend):
    """A bias that forbids all but two frames ago makes every frame read that frame."""
    v = torch.arange(5.0).view(1, 5, 1, 1).expand(1, 5, 1, 32)
    bias = torch.full((1, 9), -1e4)
    bias[0, 4 + 2] = 0
    out = short_attention(torch.zeros_like(v), torch.zeros_like(v), v, bias, causal=True, backend=backend)
    assert out[0, 2:, 0, 0].tolist() == [0, 1, 2]


@pytest.mark.parametrize("backend", ["torch", "triton"])
def test_large_logits_and_later_frames(backend, generator):
    (q, k, v), _, _ = draw((2, 6, 1, 32), "none", torch.float32, generator)
    before = short_attention(1e4 * q, k, v, causal=True, backend=backend)
    assert torch.isfinite(before).all()
    changed = v.clone()
    changed[:, 4:] = 7
    after = short_attention(1e4 * q, k, changed, causal=True, backend=backend)
    assert torch.equal(before[:, :4], after[:, :4]) and not torch.equal(before, after)


@pytest.mark.parametrize("backend", ["torch", "triton"])
def test_positions_do_not_see_each_other(backend, generator):
    (q, k, v), rest, _ = draw((11, 6, 1, 32), "rms", torch.float32, generator)
    order = torch.randperm(11, generator=generator)
    out = short_attention(q, k, v, **rest, backend=backend)
    moved = short_attention(q[order], k[order], v[order], **rest, backend=backend)
    assert torch.equal(moved, out[order]) if backend == "triton" else torch.allclose(moved, out[order], atol=1e-6)


def test_every_element_is_written(monkeypatch, generator):
    """Memory that is not cleared holds anything: here, NaN."""
    empty = torch.empty
    monkeypatch.setattr(torch, "empty", lambda *a, **k: empty(*a, **k).fill_(torch.nan))
    case = draw((5, 6, 2, 88), "layer", torch.float32, generator)
    fast = outputs_and_gradients(short_attention, case, backend="triton")
    assert all(torch.isfinite(f).all() for f in fast)


@pytest.mark.parametrize("backend", ["torch", "triton"])
def test_no_position_at_all(backend, generator):
    case = draw((0, 6, 2, 32), "layer", torch.float32, generator)
    out, *gradients = outputs_and_gradients(short_attention, case, backend=backend)
    assert out.shape == (0, 6, 2, 32) and not any(g.any() for g in gradients)


def test_operators_keep_pytorchs_contract(generator):
    (q, k, v), rest, loss = draw((2, 3, 1, 32), "layer", torch.float32, generator)
    norms = [x for n in (rest["q_norm"], rest["k_norm"]) for x in (n.weight, n.bias, n.kind, n.eps)]
    arguments = (*(fresh(x, None) for x in (q, k, v)), torch.zeros(1, 3, 3), *norms, True, 0.2)
    checks = ("test_schema", "test_faketensor", "test_autograd_registration", "test_aot_dispatch_static")
    torch.library.opcheck(short_heads, arguments, test_utils=checks)
    detached = [x.detach() if torch.is_tensor(x) else x for x in (loss, *arguments)]
    torch.library.opcheck(short_heads_backward, tuple(detached), test_utils=checks[:2])


@pytest.mark.parametrize(
    ("shape", "bias", "options", "sentence"),
    [
        ((2, 17, 1, 32), None, {}, "with 1 to 16 frames"),
        ((2, 6, 2, 32), (2, 6), {}, r"bias is \[2, 6\] for 2 heads and 6 frames. Give \[2, 11\]"),
        ((2, 6, 1, 160), None, {"backend": "triton"}, "160 components"),
        ((2, 6, 1, 32), None, {"backend": "sdpa"}, "backend is 'sdpa'"),
    ],
)
def test_bad_input_gets_one_sentence(shape, bias, options, sentence):
    x = torch.zeros(shape)
    with pytest.raises(ValueError, match=sentence):
        short_attention(x, x, x, None if bias is None else torch.zeros(bias), **options)
