"""The fast paths of attention against its definition, and the definition against PyTorch's own attention."""

import pytest
import torch
import torch.nn.functional as F

from foundation.kernels.attention import AttentionLayout, attention, reference_attention
from foundation.kernels.attention.plan import MOST_RECTANGLES, Plan
from foundation.kernels.attention.reference import visible


@pytest.mark.parametrize("kind", ["self", "cross"])
@pytest.mark.parametrize("steps", [0, 1, 2, 5, MOST_RECTANGLES, 60])
def test_equals_the_definition_in_outputs_and_gradients(kind, steps, cases, generator):
    for _ in range(3):
        layout = cases.layout(kind, generator, steps)
        rows = cases.rows(layout, generator)
        weight = torch.randn(rows[0].shape, dtype=torch.float64, generator=generator)
        for scale in (None, 0.7):
            fast = cases.gradients(attention, rows, layout, weight, scale)
            slow = cases.gradients(reference_attention, rows, layout, weight, scale)
            assert cases.difference(fast, slow) < 1e-12


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-5), (torch.bfloat16, 3e-2)])
@pytest.mark.parametrize("steps", [1, 60])
def test_low_precision_is_close_to_float64(dtype, tolerance, steps, cases, generator):
    layout = cases.layout("self", generator, steps)
    rows = cases.rows(layout, generator, dtype, dim=16)
    weight = torch.randn(rows[0].shape, generator=generator).to(dtype)
    exact_rows = [r.detach().double().requires_grad_() for r in rows]
    fast = cases.gradients(attention, rows, layout, weight)
    slow = cases.gradients(reference_attention, exact_rows, layout, weight.double())
    assert all(x.dtype == dtype for x in fast)
    assert cases.difference([x.double() for x in fast], slow) < tolerance
    with torch.no_grad():
        assert cases.difference([attention(*rows, layout).double()], slow[:1]) < tolerance


def test_definition_equals_torch_attention_in_each_segment(cases, generator):
    """One segment of content only is plain attention; two are two plain attentions."""
    offsets, code = torch.tensor([0, 30, 50]), torch.zeros(50, dtype=torch.long)
    q, k, v = cases.rows(AttentionLayout.packed(offsets, code), generator)
    out = reference_attention(q, k, v, AttentionLayout.packed(offsets, code))
    for begin, end in ((0, 30), (30, 50)):
        q_, k_, v_ = (x[begin:end].transpose(0, 1) for x in (q, k, v))
        expected = F.scaled_dot_product_attention(q_, k_, v_).transpose(0, 1)
        torch.testing.assert_close(out[begin:end], expected, rtol=1e-12, atol=1e-12)


def test_one_token_a_step_is_causal_attention(cases, generator):
    """Content revealed one by one sees what came before: plain causal attention."""
    code = 2 * torch.arange(40)
    layout = AttentionLayout.packed(torch.tensor([0, 40]), code)
    q, k, v = cases.rows(layout, generator)
    expected = F.scaled_dot_product_attention(*(x.transpose(0, 1) for x in (q, k, v)), is_causal=True).transpose(0, 1)
    torch.testing.assert_close(attention(q, k, v, layout), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["self", "cross"])
@pytest.mark.parametrize("steps", [0, 1, 4, 30])
def test_ranges_are_the_dense_rule(kind, steps, cases, generator):
    for _ in range(5):
        layout = cases.layout(kind, generator, steps)
        start, prefix, lo, hi = (r[:, None] for r in layout.ranges)
        key = torch.arange(len(layout.key_code))
        assert torch.equal(((key >= start) & (key < start + prefix)) | ((key >= lo) & (key < hi)), visible(layout))


@pytest.mark.parametrize("kind", ["self", "cross"])
@pytest.mark.parametrize("steps", [1, 4, 30])
def test_plan_covers_every_visible_pair_once(kind, steps, cases, generator):
    layout = cases.layout(kind, generator, steps)
    plan, rows, keys = layout.plan, len(layout.query_code), len(layout.key_code)
    query = torch.arange(rows) if plan.query_order is None else plan.query_order
    key = torch.arange(keys) if plan.key_order is None else plan.key_order
    seen = torch.zeros(rows, keys, dtype=torch.long)
    for block in plan.blocks:
        q, query = query[: block.pieces * block.queries].view(block.pieces, -1), query[block.pieces * block.queries :]
        k, key = key[: block.pieces * block.keys].view(block.pieces, -1), key[block.pieces * block.keys :]
        for piece in range(block.pieces):
            sees = 1 if block.visible is None else block.visible[piece, 0].long()
            seen[q[piece][:, None], k[piece][None, :]] += sees
    assert len(query) == len(key) == 0
    assert torch.equal(seen, visible(layout).long())


def test_equal_segments_are_one_call_without_a_copy():
    offsets, code = torch.arange(0, 50, 10), torch.zeros(40, dtype=torch.long)
    plan = AttentionLayout.packed(offsets, code).plan
    assert [(b.pieces, b.queries, b.keys) for b in plan.blocks] == [(4, 10, 10)]
    assert plan.query_order is None and plan.key_order is None


def test_long_orders_do_not_become_one_call_a_row():
    code = torch.cat([2 * torch.arange(100), 2 * torch.arange(1, 101) - 1])
    plan = AttentionLayout.packed(torch.tensor([0, 200]), code).plan
    assert len(plan.blocks) == 1 and isinstance(plan, Plan)


def test_rows_without_a_key_give_zeros_and_zero_gradients(cases, generator):
    layout = AttentionLayout(
        *cases.segments((7, 5), 2, generator, parity=1), torch.tensor([0, 0, 0]), torch.tensor([]).long()
    )
    rows = cases.rows(layout, generator)
    out, *gradients = cases.gradients(attention, rows, layout, 1)
    assert not out.any() and torch.equal(reference_attention(*rows, layout), out)
    assert all(g is not None and not g.any() for g in gradients)


def test_no_row_at_all():
    layout = AttentionLayout.packed(torch.tensor([0]), torch.tensor([]).long())
    empty = torch.zeros(0, 2, 8)
    assert attention(empty, empty, empty, layout).shape == (0, 2, 8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_a_segment_does_not_touch_another_by_one_bit(dtype, cases, generator):
    layout = cases.layout("self", generator)
    rows = [r.detach() for r in cases.rows(layout, generator, dtype)]
    before = attention(*rows, layout)
    first = int(layout.query_offsets[2])
    changed = [r.clone() for r in rows]
    for r in changed:
        r[first:] = torch.randn(r[first:].shape, generator=generator).to(dtype) * 100
    after = attention(*changed, layout)
    assert torch.equal(before[:first], after[:first]) and not torch.equal(before[first:], after[first:])


def test_layout_of_another_batch_is_refused(cases, generator):
    layout = cases.layout("self", generator)
    q, k, v = cases.rows(layout, generator)
    with pytest.raises(ValueError, match="164 queries"):
        attention(q[1:], k, v, layout)


def test_layout_moves_to_a_device_whole(cases, generator):
    layout = cases.layout("cross", generator).to("meta")
    assert all(
        x.device.type == "meta" for x in (layout.query_offsets, layout.query_code, layout.key_offsets, layout.key_code)
    )
    packed = cases.layout("self", generator).to("meta")
    assert packed.key_code is packed.query_code
