"""Linear maps with weights laid out first against plain ones, and where they are left alone."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from foundation.kernels.products import ALWAYS, LaidOutProducts, benchmark, products
from foundation.kernels.products.products import FEWEST_ROWS

WIDE = 256


def draw(rows, bias, generator, dtype=torch.float32):
    x = torch.randn(*rows, WIDE, generator=generator).to(dtype)
    weight, offset = torch.randn(WIDE + 8, WIDE, generator=generator), torch.randn(WIDE + 8, generator=generator)
    return x, weight.to(dtype), offset.to(dtype) if bias else None


@pytest.fixture
def counted(monkeypatch):
    """How often a weight was laid out."""
    calls, laid_out = [], products.laid_out_linear

    def counting(*args):
        calls.append(args)
        return laid_out(*args)

    monkeypatch.setattr(products, "laid_out_linear", counting)
    return calls


@pytest.mark.parametrize("rows", [(FEWEST_ROWS,), (3, FEWEST_ROWS)])
@pytest.mark.parametrize("bias", [False, True])
def test_equals_float64(rows, bias, generator, counted):
    x, weight, offset = draw(rows, bias, generator)
    exact = F.linear(x.double(), weight.double(), None if offset is None else offset.double())
    with torch.no_grad(), LaidOutProducts():
        found = F.linear(x, weight, offset)
    assert len(counted) == 1 and found.shape == exact.shape
    torch.testing.assert_close(found.double(), exact, rtol=1e-5, atol=2e-4)
    plain = F.linear(x, weight, offset).double()
    assert (found - exact).abs().max() < 3 * (plain - exact).abs().max()


def test_reads_rows_and_weights_that_are_strided(generator, counted):
    x, weight, _ = draw((2 * FEWEST_ROWS,), False, generator)
    x, weight = x[::2], weight.t().contiguous().t()
    with torch.no_grad(), LaidOutProducts():
        found = nn.functional.linear(x, weight)
    assert len(counted) == 1
    torch.testing.assert_close(found, x @ weight.t(), rtol=1e-4, atol=1e-4)


def test_modules_take_it_by_themselves(generator, counted):
    x, _, _ = draw((FEWEST_ROWS,), False, generator)
    layer = nn.Linear(WIDE, WIDE)
    with torch.inference_mode(), LaidOutProducts():
        found = layer(x)
    assert len(counted) == 1
    torch.testing.assert_close(found, layer(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rows", [(FEWEST_ROWS - 1,), (0,)])
def test_few_rows_stay_as_they_are(rows, generator, counted):
    x, weight, _ = draw(rows, False, generator)
    with torch.no_grad(), LaidOutProducts():
        assert torch.equal(F.linear(x, weight), x @ weight.t())
    assert not counted


def test_a_row_is_the_same_whatever_rows_are_beside_it(generator, counted):
    x, weight, offset = draw((2 * FEWEST_ROWS,), True, generator)
    with torch.no_grad(), LaidOutProducts(ALWAYS):
        together = F.linear(x, weight, offset)
        for rows in (2, 3, 64, FEWEST_ROWS - 1):
            assert torch.equal(F.linear(x[:rows], weight, offset), together[:rows])
    assert len(counted) == 5


def test_gradients_other_types_and_autocast_stay_as_they_are(generator, counted):
    x, weight, _ = draw((FEWEST_ROWS,), False, generator)
    with LaidOutProducts():
        F.linear(x, weight.requires_grad_()).sum().backward()
    assert weight.grad is not None
    with torch.no_grad(), LaidOutProducts():
        assert F.linear(x.double(), weight.double()).dtype == torch.float64
        with torch.autocast("cpu", torch.bfloat16):
            assert F.linear(x, weight).dtype == torch.bfloat16
    assert not counted


def test_a_torch_without_the_operators_is_served_as_before(monkeypatch, generator, counted):
    monkeypatch.setattr(products, "_available", lambda: False)
    x, weight, _ = draw((FEWEST_ROWS,), False, generator)
    with torch.no_grad(), LaidOutProducts():
        assert torch.equal(F.linear(x, weight), x @ weight.t())
    assert not counted


@pytest.mark.parametrize("available", [True, False])
def test_a_weight_as_it_lies_gives_the_same(monkeypatch, generator, available):
    monkeypatch.setattr(products, "_available", lambda: available)
    x, weight, _ = draw((7,), False, generator)
    with torch.no_grad():
        torch.testing.assert_close(products.linear_as_it_lies(x, weight), x @ weight.t(), rtol=1e-4, atol=1e-4)


def test_the_benchmark_compares_the_same_work(monkeypatch):
    monkeypatch.setattr(benchmark, "ROWS", (FEWEST_ROWS,))
    monkeypatch.setattr(benchmark, "SHAPES", {"small": (WIDE, WIDE)})
    [row] = benchmark.laid_out_vs_plain()
    assert row.name == f"small, {FEWEST_ROWS} rows of {WIDE} to {WIDE}" and row.unit == "GFLOP/s"
    assert row.ratio == pytest.approx(row.b / row.a) and row.a > 0
