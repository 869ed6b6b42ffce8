import torch

from foundation.model.anchored.batch import AnchoredBatch, Protein
from foundation.model.anchored.loss import anchored_loss
from foundation.model.anchored.order import grow


def test_short_sequences_weigh_as_much_as_long_ones(generator):
    letters = [torch.tensor([1]), torch.tensor([0, 2, 3, 1, 1, 2])]
    rows = [grow(x, len(x) // 2) for x in letters]
    batch = AnchoredBatch.of([Protein.absent()], rows, [0, 0])
    logits = torch.randn(len(batch.ids), 5, generator=generator)
    by_hand = []
    for part, row in zip(logits.split([len(r) for r in rows]), rows, strict=True):
        terms = [-part[i].double().log_softmax(0)[t] for i, t in enumerate(row.target.tolist()) if t >= 0]
        by_hand.append(torch.stack(terms))
    assert [len(t) for t in by_hand] == [3, 8]  # letters and both ends
    each = torch.stack([t.mean() for t in by_hand])
    assert torch.allclose(anchored_loss(logits, batch).double(), each.mean(), atol=1e-6)
    assert torch.allclose(anchored_loss(logits, batch, "token").double(), torch.cat(by_hand).mean(), atol=1e-6)


def test_gradients_reach_only_rows_that_predict(generator):
    rows = grow(torch.tensor([0, 1, 2, 3]), 1, "interleaved")
    batch = AnchoredBatch.of([Protein.absent()], [rows])
    logits = torch.randn(len(rows), 5, generator=generator, requires_grad=True)
    anchored_loss(logits, batch).backward()
    assert torch.equal(logits.grad.abs().sum(1) > 0, rows.target >= 0)
