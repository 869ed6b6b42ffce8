"""Attention with its scores written out, as bfloat16 has it on a CPU, against its definition."""

import pytest
import torch
import torch.nn.functional as F

from foundation.kernels.attention import AttentionLayout, attention, by_products, grouped, reference_attention
from foundation.kernels.attention.by_products import attention_by_products


def packed(*lengths):
    offsets = torch.tensor([0, *lengths]).cumsum(0)
    return AttentionLayout.packed(offsets, torch.zeros(sum(lengths), dtype=torch.long))


@pytest.mark.parametrize("most", [1, 2**14, 2**22])
@pytest.mark.parametrize(("queries", "keys"), [(7, 90), (64, 64), (130, 70)])
def test_is_the_definition_however_many_heads_go_at_once(most, queries, keys, monkeypatch, generator):
    monkeypatch.setattr(by_products, "MOST_SCORES", most)
    q, k, v = (torch.randn(2, 5, n, 16, generator=generator).double() for n in (queries, keys, keys))
    found = attention_by_products(q, k, v, 0.3)
    expected = F.scaled_dot_product_attention(q, k, v, scale=0.3).transpose(1, 2)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_bfloat16_takes_it_and_is_close_to_float64(monkeypatch, cases, generator):
    taken = []

    def counting(*args):
        taken.append(args)
        return attention_by_products(*args)

    monkeypatch.setattr(grouped, "attention_by_products", counting)
    layout = packed(80, 80, 20, 130)
    rows = [r.detach() for r in cases.rows(layout, generator, torch.bfloat16, dim=32)]
    with torch.no_grad():
        found = attention(*rows, layout)
    exact = reference_attention(*(r.double() for r in rows), layout)
    assert len(taken) == 2 and found.dtype == torch.bfloat16  # the two of 80 in one call, and not the short one
    assert (found.double() - exact).norm() < 8e-3 * exact.norm()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_float32_gradients_and_masks_do_not(dtype, monkeypatch, cases, generator):
    def refusing(*args):
        raise AssertionError("scores written out")

    monkeypatch.setattr(grouped, "attention_by_products", refusing)
    layout = packed(100, 100)
    attention(*cases.rows(layout, generator, dtype, dim=32), layout)  # with gradients
    causal = AttentionLayout.packed(torch.tensor([0, 100]), 2 * torch.arange(100))  # masked
    with torch.no_grad():
        attention(*cases.rows(causal, generator, dtype, dim=32), causal)
        if dtype == torch.float32:
            attention(*cases.rows(layout, generator, dtype, dim=32), layout)
