from foundation.kernels.decode import benchmark


def test_rows_compare_the_same_work(monkeypatch):
    monkeypatch.setattr(benchmark, "SAMPLES", 2)
    monkeypatch.setattr(benchmark, "STEPS", 3)
    rows = benchmark.cached_vs_whole()
    assert [r.unit for r in rows] == ["rows/s", "rows/s"] and all(r.a > 0 and r.b > 0 for r in rows)
