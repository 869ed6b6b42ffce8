from foundation.kernels.prologue import benchmark


def test_rows_compare_the_same_work(monkeypatch):
    monkeypatch.setattr(benchmark, "TOKENS", 8)
    rows = benchmark.fused_vs_eager()
    assert [r.name for r in rows] == ["prologue forward", "prologue forward and backward"]
    assert all(r.a > 0 and r.b > 0 and r.unit == "tokens/s" for r in rows)
