import torch

from foundation.kernels.attention import benchmark
from foundation.kernels.attention.benchmark import Lengths, packed_vs_padded
from foundation.kernels.attention.reference import reference_attention


def test_rows_compare_the_same_work(monkeypatch):
    monkeypatch.setattr(benchmark, "CASES", (Lengths("tiny", (2, 5)),))
    rows = packed_vs_padded()
    assert [r.name for r in rows] == ["attention forward, tiny", "attention forward and backward, tiny"]
    assert all(r.a > 0 and r.b > 0 and r.unit == "rows/s" for r in rows)


def test_padding_holds_the_packed_rows():
    case = Lengths("tiny", (2, 5))
    (packed, layout), (padded, real) = case.packed(), case.padded()
    assert padded.shape[:2] == (2, 5) and torch.equal(padded[real], packed) and not padded[~real].any()
    x = packed[:, :64].view(7, 1, 64)
    alone = reference_attention(x[:2], x[:2], x[:2], layout.packed(torch.tensor([0, 2]), torch.zeros(2).long()))
    torch.testing.assert_close(reference_attention(x, x, x, layout)[:2], alone)
