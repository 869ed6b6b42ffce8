import pytest
import torch

from foundation.kernels.short import benchmark, reference_short_attention


def test_rows_compare_the_same_work(monkeypatch, generator):
    monkeypatch.setattr(benchmark, "POSITIONS", 3)
    rows = benchmark.short_vs_fused()
    assert len({r.name for r in rows}) == 4
    assert all(r.a > 0 and r.b > 0 and r.unit == "positions/s" for r in rows)


@pytest.mark.parametrize("way", [benchmark._fused, benchmark._ours])
def test_both_ways_are_attention_among_frames(way, generator):
    qkv = torch.randn(2, 6, 3, 4, 8, generator=generator)
    torch.testing.assert_close(way(qkv), reference_short_attention(*qkv.unbind(2)))
