"""All backends give the same, are chosen by name or from outside, and say in one sentence what they cannot do."""

import threading

import pytest
import torch

from foundation.kernels.attention import (
    AttentionLayout,
    PointBias,
    RaggedBias,
    RelativeBias,
    attention,
    reference_attention,
    use_backend,
)
from foundation.kernels.attention.attention import check_bias, check_rows
from foundation.kernels.attention.backend import choose
from foundation.kernels.attention.gpu.support import why_not


@pytest.mark.parametrize("bias", ["none", "ragged", "relative", "points"])
def test_sdpa_is_the_definition(layout, bias, cases, generator):
    # the gradient of a point weight is a sum that nearly cancels: its error is larger than that of its terms
    assert cases.error("sdpa", layout, generator, torch.float32, bias=bias) < (3e-5 if bias == "points" else 1e-5)
    assert cases.error("sdpa", layout, generator, torch.float64, dim=8, bias=bias) < 1e-11


def test_a_second_backward_through_the_same_graph_gives_the_same(cases, generator):
    """The first one spends the probabilities that the forward kept for it."""
    layout = cases.layout("shared", generator)
    rows = cases.rows(layout, generator, torch.float32, 2, 8)
    (values,), make = cases.bias("ragged", layout, generator, torch.float32)
    out = attention(*rows, layout, bias=make(values))
    first, second = (torch.autograd.grad(out.sin().sum(), [*rows, values], retain_graph=True) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("wanted", range(4))
def test_gradient_of_one_input_alone_is_that_among_all(wanted, cases, generator):
    layout = cases.layout("shared", generator)
    rows = cases.rows(layout, generator, torch.float32, 2, 8)
    (values,), make = cases.bias("ragged", layout, generator, torch.float32)
    every = [*rows, values]
    known = torch.autograd.grad(attention(*rows, layout, bias=make(values)).sin().sum(), every)[wanted]
    q, k, v, b = (x.detach().requires_grad_(i == wanted) for i, x in enumerate(every))
    (alone,) = torch.autograd.grad(attention(q, k, v, layout, bias=make(b)).sin().sum(), (q, k, v, b)[wanted])
    torch.testing.assert_close(alone, known, rtol=1e-5, atol=1e-6)


def test_folded_points_are_exact_far_from_the_origin(cases, generator):
    """Coordinates of 100 Å, neighbours at 1 Å: centring keeps what float32 would lose."""
    layout = cases.layout("shared", generator)
    rows = [r.detach() for r in cases.rows(layout, generator, torch.float32, 2, 8)]
    (query, key, weight), _ = cases.bias("points", layout, generator, torch.float64)
    bias = PointBias(query.detach() + 100, key.detach() + 100, weight.detach())
    single = PointBias(*(x.float() for x in (bias.query_points, bias.key_points, bias.weight)))
    known = reference_attention(*(r.double() for r in rows), layout, bias=bias)
    assert cases.difference([attention(*rows, layout, bias=single)], [known]) < 1e-5


@pytest.mark.parametrize("backend", ["reference", "sdpa", "triton"])
def test_points_decide_alone_where_queries_and_keys_have_no_components(backend, cases, generator):
    """The same as with zeros, outputs and gradients."""
    layout = cases.layout("shared", generator)
    q, k, v = cases.rows(layout, generator, torch.float32, 2, 32)
    tensors, make = cases.bias("points", layout, generator, torch.float32)
    empty, zero = ([x.detach()[..., :0] for x in (q, k)], [torch.zeros_like(x) for x in (q, k)])
    out, known = (
        attention(*some, v, layout, bias=make(*tensors), backend=way)
        for some, way in ((empty, backend), (zero, "reference"))
    )
    found, wanted = (torch.autograd.grad(x.sin().sum(), [v, *tensors]) for x in (out, known))
    assert cases.difference([out, *found], [known, *wanted]) < 3e-5


def test_distances_of_points_do_not_change_with_the_frame(generator):
    """Turned and moved together, query and key points weigh the same."""
    layout = AttentionLayout.packed(torch.tensor([0, 30]), torch.zeros(30, dtype=torch.long))
    x, y = (torch.randn(30, 2, 4, 3, dtype=torch.float64, generator=generator) for _ in range(2))
    turn = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=generator))[0]
    q = torch.randn(30, 2, 8, dtype=torch.float64, generator=generator)
    weight = torch.ones(2, dtype=torch.float64)
    before, after = (
        attention(q, q, q, layout, bias=PointBias(a, b, weight)) for a, b in ((x, y), (x @ turn + 3, y @ turn + 3))
    )
    torch.testing.assert_close(after, before, rtol=1e-9, atol=1e-9)


def test_backend_is_chosen_around_a_call_and_in_this_thread_only(generator):
    q = torch.zeros(1, 1, 32)
    elsewhere = []
    with use_backend("reference"):
        assert choose("auto", q) == "reference" and choose("sdpa", q) == "sdpa"
        thread = threading.Thread(target=lambda: elsewhere.append(choose("auto", q)))
        thread.start()
        thread.join()
        with use_backend("auto"):
            assert choose("auto", q) == "sdpa"
    assert choose("auto", q) == "sdpa" and elsewhere == ["sdpa"]


@pytest.mark.parametrize(
    ("q", "reason"),
    [
        (torch.zeros(3, 2, 48), "no kernel for a head dim of 48"),
        (torch.zeros(3, 2, 32, dtype=torch.float64), "does not compute in torch.float64"),
    ],
)
def test_triton_says_what_it_cannot_do(q, reason):
    with pytest.raises(ValueError, match=f"backend='triton' .*{reason}.*backend='sdpa'"):
        choose("triton", q)


def test_triton_without_a_gpu_needs_its_interpreter(monkeypatch):
    pytest.importorskip("triton")
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    assert why_not(torch.zeros(3, 2, 32)) is None
    assert "bfloat16" in str(why_not(torch.zeros(3, 2, 32, dtype=torch.bfloat16)))
    monkeypatch.delenv("TRITON_INTERPRET")
    assert "needs a GPU" in str(why_not(torch.zeros(3, 2, 32)))


def test_unknown_backend_is_refused():
    with pytest.raises(ValueError, match="no backend 'cuda'; there are auto, reference"):
        choose("cuda", torch.zeros(1, 1, 32))


def test_rows_that_do_not_fit_are_refused():
    layout = AttentionLayout.packed(torch.tensor([0, 5]), torch.zeros(5, dtype=torch.long))
    x = torch.zeros(5, 2, 32)
    for q, k, v, sentence in (
        (x[0], x, x, "q has shape"),
        (x, x[1:], x, "have 5, 4, 5 rows"),
        (x, x, x[..., :16], "Give all three the same"),
        (x, x.half(), x, "Convert them to one type"),
        (x, x, x.to("meta"), "Move them to one device"),
    ):
        with pytest.raises(ValueError, match=sentence):
            check_rows(q, k, v, layout)


def test_biases_that_do_not_fit_are_refused():
    layout = AttentionLayout.packed(torch.tensor([0, 5]), torch.zeros(5, dtype=torch.long))
    x, at = torch.zeros(5, 2, 32), torch.arange(5)
    with pytest.raises(ValueError, match="7 values for 2 heads and a layout that needs 80"):
        attention(x, x, x, layout, bias=RaggedBias(torch.zeros(7)))
    with pytest.raises(ValueError, match=r"sizes \(3, 5, 5\), q and k want \(2, 5, 5\)"):
        check_bias(RelativeBias(torch.zeros(3, 9), at, at), x, x)
    with pytest.raises(ValueError, match="Give 2 R"):
        RelativeBias(torch.zeros(3, 8), at, at)
    with pytest.raises(ValueError, match="22 points a head"):
        PointBias(torch.zeros(5, 2, 22, 3), torch.zeros(5, 2, 22, 3), torch.zeros(2))
    with pytest.raises(ValueError, match="value 1 is NaN"):
        RaggedBias(torch.tensor([0, torch.nan]))
    with pytest.raises(ValueError, match="weight has a NaN"):
        PointBias(torch.zeros(5, 2, 1, 3), torch.zeros(5, 2, 1, 3), torch.full((2,), torch.nan))
    with pytest.raises(ValueError, match="table has a NaN"):
        RelativeBias(torch.full((2, 9), torch.nan), at, at)


def test_ragged_blocks_come_back_whole(generator):
    """Built from dense blocks of odd widths, a ragged bias gives them back."""
    offsets = torch.tensor([0, 3, 3, 12])
    layout = AttentionLayout.packed(offsets, torch.zeros(12, dtype=torch.long))
    blocks = [torch.randn(2, n, n, generator=generator) for n in (3, 0, 9)]
    bias = RaggedBias.of(blocks)
    assert all(torch.equal(a, b) for a, b in zip(bias.blocks(layout, 2), blocks, strict=True))
    dense = bias.dense(layout, 2)
    assert torch.equal(dense[:, :3, :3], blocks[0]) and torch.equal(dense[:, 3:, 3:], blocks[2])
