"""The benchmark runs, and compares what both read from the same file."""

import pytest

pytest.importorskip("the_well")

from foundation.data.fields import benchmark


def test_rows_compare_rates(monkeypatch):
    monkeypatch.setattr(benchmark, "GRIDS", ((8, 8),))
    monkeypatch.setattr(benchmark, "WINDOWS", 2)
    rows = benchmark.windows_vs_the_well()
    assert [row.unit for row in rows] == ["samples/s"] * 2
    assert all(row.ratio == pytest.approx(row.b / row.a) for row in rows)
    assert "gzipped" in rows[1].name
