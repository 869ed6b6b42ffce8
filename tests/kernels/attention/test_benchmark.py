"""The attention benchmark compares ways that compute the same, and counts what they do by the known formulas."""

import pytest
import torch

from foundation.kernels.attention.benchmark import peers
from foundation.kernels.attention.benchmark.floor import Ceilings
from foundation.kernels.attention.benchmark.lengths import Lengths
from foundation.kernels.attention.benchmark.rows import BOTH, against, bias_gradient, layout_against_block_mask

TINY = Lengths("tiny", (2, 5), heads=2, dim=16)


def test_padding_holds_the_packed_rows():
    rows, real = TINY.padded()
    assert rows.shape[:2] == (2, 5) and torch.equal(rows[real], TINY.packed()) and not rows[~real].any()


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("peer", [peers.padded, peers.nested])
def test_peers_compute_the_same(peer):
    way, qkv = peers.packed(TINY, "cpu", torch.float32)
    ours = way(qkv)
    way, qkv = peer(TINY, "cpu", torch.float32)
    theirs = way(qkv)  # [2, heads, longest or ragged, dim]
    for i, document in enumerate(ours.split(TINY.lengths)):
        torch.testing.assert_close(theirs[i].transpose(0, 1)[: len(document)], document)


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
def test_flex_attention_sees_the_same(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)  # compiling takes longer than all else here
    way, qkv = peers.packed(TINY, "cpu", torch.float32)
    ours = way(qkv)
    way, qkv = peers.flex(TINY, "cpu", torch.float32)
    with torch.no_grad():
        torch.testing.assert_close(way(qkv)[0].transpose(0, 1), ours)


def test_a_row_counts_visible_pairs():
    row = against("padded", peers.padded, TINY, BOTH, turns=1)
    assert row.name == "forward and backward, tiny, against padded" and row.unit == "GFLOP/s"
    assert row.ratio == pytest.approx(row.b / row.a) and row.floor is not None and row.floor > 0
    assert TINY.products == 2 * (4 + 25)


def test_the_floor_is_the_sum_of_both_times():
    assert Ceilings(100.0, 10.0).rate(200.0, 30.0) == pytest.approx(200 / (2 + 3))


def test_layout_and_bias_rows_measure_time_and_bytes():
    for rows in (layout_against_block_mask(TINY), bias_gradient(Lengths("tiny", (8, 8), heads=2, dim=16))):
        assert [r.unit for r in rows][1] == "bytes at the peak" and all(r.a > 0 and r.b > 0 for r in rows)
