"""Layouts, rows and biases to attend with, and the measure by which two results differ."""

from types import SimpleNamespace

import pytest
import torch

from foundation.kernels.attention import (
    AttentionLayout,
    PointBias,
    RaggedBias,
    RelativeBias,
    attention,
    reference_attention,
)


def sorted_codes(code):
    """Content first, then queries, each by code, as a batch stores them."""
    return code[torch.argsort(1000 * (code % 2) + code, stable=True)]


def draw_segments(lengths, steps, generator, parity=None):
    """Offsets and codes of segments whose rows carry random reveal steps."""
    parts = []
    for n in lengths:
        code = torch.randint(0, 2 * steps + 1, (n,), generator=generator)
        code = code if parity is None else code // 2 * 2 + parity
        parts.append(sorted_codes(code))
    offsets = torch.tensor([0, *lengths]).cumsum(0)
    return offsets, torch.cat(parts)


def draw_bits(queries, keys, kinds, generator):
    """Visibility bits of query rows and kinds of key rows; some rows see no kind at all."""
    sees = torch.randint(0, 2**kinds, (queries,), generator=generator, dtype=torch.int32)
    return {"sees": sees, "kind": torch.randint(0, kinds, (keys,), generator=generator, dtype=torch.uint8)}


def draw_layout(kind, generator, steps=3):
    """A layout of one sort: each has segments of odd sizes, most have empty ones."""
    if kind == "self":
        return AttentionLayout.packed(*draw_segments((1, 63, 100), steps, generator))
    if kind == "uneven":  # the longest is five times the second, and one is empty
        return AttentionLayout.packed(*draw_segments((1, 51, 0, 257), steps, generator))
    if kind == "cross":
        query = draw_segments((5, 100, 0, 17), steps, generator, parity=1)
        return AttentionLayout(*query, *draw_segments((63, 1, 40, 0), steps, generator, parity=0))
    if kind == "shared":
        query = draw_segments((5, 70, 0, 17, 3), steps, generator)
        keys = draw_segments((63, 9, 80), steps, generator, parity=0)
        return AttentionLayout(*query, *keys, key_of=torch.tensor([2, 0, 1, 2, 2]))
    if kind == "strict":
        return AttentionLayout.packed(torch.tensor([0, 100, 130]), 2 * torch.cat([torch.arange(100), torch.arange(30)]))
    if kind == "kinds":
        offsets, code = draw_segments((30, 0, 130), steps, generator)
        return AttentionLayout.packed(offsets, code, **draw_bits(160, 160, 31, generator))
    if kind == "few kinds":
        offsets, code = draw_segments((30, 0, 130), 0, generator)
        bits = {"sees": torch.arange(160, dtype=torch.int32) // 40, "kind": (torch.arange(160) // 80).byte()}
        return AttentionLayout.packed(offsets, code, **bits)
    return AttentionLayout(*draw_segments((7, 70), 2, generator, parity=1), *draw_segments((0, 65), 0, generator))


LAYOUTS = ("self", "uneven", "cross", "shared", "strict", "kinds", "few kinds", "blind")


def draw_rows(layout, generator, dtype=torch.float64, heads=2, dim=8):
    """q, k, v with gradients, rounded to `dtype`."""
    sizes = len(layout.query_code), len(layout.key_code), len(layout.key_code)
    return [
        torch.randn(n, heads, dim, dtype=torch.float64, generator=generator).to(dtype).requires_grad_() for n in sizes
    ]


def draw_bias(kind, layout, generator, dtype=torch.float32, heads=2):
    """Tensors of a bias, with gradients, and the function that makes it of them."""

    def leaf(*shape, scale=1.0):
        x = torch.randn(*shape, dtype=torch.float64, generator=generator) * scale
        return x.to(dtype).requires_grad_()

    queries, keys = len(layout.query_code), len(layout.key_code)
    if kind == "none":
        return [], lambda: None
    if kind == "ragged":
        lengths = torch.diff(layout.key_offsets)
        lengths = lengths if layout.key_of is None else lengths[layout.key_of]
        width = -(-lengths // 8) * 8
        return [leaf(int((heads * torch.diff(layout.query_offsets) * width).sum()))], RaggedBias
    if kind == "relative":
        at = (torch.arange(queries) % 50, torch.arange(keys) % 50)
        return [leaf(heads, 9)], lambda table: RelativeBias(table, *(x.to(table.device) for x in at))
    points = [leaf(queries, heads, 4, 3), leaf(keys, heads, 4, 3), leaf(heads, scale=0.1)]
    return points, PointBias


def outputs_and_gradients(function, rows, layout, weight, scale=None, bias=((), None), **arguments):
    """The output, then the gradients of q, k, v and of the bias's tensors."""
    tensors, make = bias
    arguments |= {"bias": make(*tensors)} if make is not None and tensors else {}
    out = function(*rows, layout, scale, **arguments)
    return [out, *torch.autograd.grad((out * weight).sum(), [*rows, *tensors])]


def exact(rows, layout, weight, scale=None, bias=((), None)):
    """The same in float64 from the same rounded inputs, by the definition."""
    rows, tensors = ([x.detach().double().requires_grad_() for x in some] for some in (rows, bias[0]))
    return outputs_and_gradients(reference_attention, rows, layout, weight.double(), scale, (tensors, bias[1]))


def largest_difference(a, b):
    """Of several tensors: the largest of the norms of their differences, relative to the norm of the second."""
    return max(
        ((x.double() - y.double()).norm() / y.double().norm().clamp(min=1e-30)).item()
        for x, y in zip(a, b, strict=True)
        if y.any() or x.any()
    )


def error(backend, layout, generator, dtype, dim=32, heads=2, bias="none", scale=None, device="cpu"):
    """How far a backend is from the definition in float64, outputs and gradients."""
    rows = draw_rows(layout, generator, dtype, heads, dim)
    tensors, make = draw_bias(
        bias, layout, generator, dtype if bias == "ragged" or dtype == torch.float64 else torch.float32, heads
    )
    weight = torch.randn(rows[0].shape, dtype=torch.float64, generator=generator).to(dtype)
    on = [[x.detach().to(device).requires_grad_() for x in some] for some in (rows, tensors)]
    found = outputs_and_gradients(
        attention, on[0], layout.to(device), weight.to(device), scale, (on[1], make), backend=backend
    )
    assert all(x.dtype == y.dtype for x, y in zip(found, [rows[0], *rows, *tensors], strict=True))
    return largest_difference([x.cpu() for x in found], exact(rows, layout, weight, scale, (tensors, make)))


@pytest.fixture
def cases():
    """What the tests of this folder share."""
    return SimpleNamespace(
        segments=draw_segments,
        layout=draw_layout,
        rows=draw_rows,
        bias=draw_bias,
        gradients=outputs_and_gradients,
        exact=exact,
        difference=largest_difference,
        error=error,
    )


@pytest.fixture(params=LAYOUTS)
def layout(request, generator):
    """A layout of each sort."""
    return draw_layout(request.param, generator)
