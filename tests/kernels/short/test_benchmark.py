import torch

from foundation.kernels.prologue import HeadNorm
from foundation.kernels.short import benchmark, reference_short_attention


def test_rows_compare_the_same_work(monkeypatch):
    monkeypatch.setattr(benchmark, "POSITIONS", 3)
    monkeypatch.setattr(torch, "compile", lambda function: function)  # a minute of compiling shows nothing here
    rows = benchmark.short_vs_fused()
    assert len({r.name for r in rows}) == 12
    assert all(r.a > 0 and r.b > 0 and r.unit == "positions/s" for r in rows)


def test_both_ways_are_attention_among_frames(generator):
    q, k, v = torch.randn(2, 6, 3, 4, benchmark.DIM, generator=generator).unbind(2)
    torch.testing.assert_close(benchmark._fused(q, k, v), reference_short_attention(q, k, v))
    norm = HeadNorm("rms", torch.rand(benchmark.DIM, generator=generator))
    bias = torch.randn(4, 11, generator=generator)
    whole = reference_short_attention(q, k, v, bias, norm, norm, causal=True)
    torch.testing.assert_close(benchmark._normed(norm, bias)(q, k, v), whole)
    torch.testing.assert_close(benchmark._ours(norm, bias)(q, k, v), whole)
