"""Growing step by step, against one pass over the finished sequence."""

import pytest
import torch

from foundation.model.anchored.batch import AnchoredBatch
from foundation.model.anchored.growth import Growth, protein_memory
from foundation.model.anchored.order import grow

LETTERS = [torch.tensor(x) for x in ([0, 1, 2, 3, 3, 1, 0], [2, 1], [3, 3, 0, 1], [1, 2, 0, 0, 1])]
SMALL = {"width": 64, "heads": 2, "dim": 32, "hidden": 64}
ANCHORS = [2, 2, 0, 4]  # the second has nothing on the right, the third nothing on the left


def by_steps(model, proteins, rows, protein_of, rna):
    """Logits of every row: the groups are the steps; samples that have no row at a step give one that is not meant."""
    growth = Growth(model, protein_memory(model, proteins), torch.tensor(protein_of), torch.tensor(rna), 40)
    found = [torch.zeros(len(r), 5, dtype=model.head.weight.dtype) for r in rows]
    for group in sorted({int(g) for r in rows for g in r.group}):
        now = [torch.nonzero(r.group == group).flatten() for r in rows]
        new = 2 if model.config.factorisation == "pairs" and group else 1
        parts = torch.zeros(3, len(rows), new, dtype=torch.long)
        live = torch.zeros(len(rows), new, dtype=torch.bool)
        for s, (row, at) in enumerate(zip(rows, now, strict=True)):
            slots = slice(new - len(at), new)  # those that are not meant may come first
            live[s, slots] = True
            for part, values in zip(parts, (row.ids, row.index, row.side), strict=True):
                part[s, slots] = values[at]
        logits = growth.step(*parts, live)
        for s, at in enumerate(now):
            found[s][at] = logits[s, new - len(at) :]
    return found


def rows_of(factorisation):
    anchors = [0] * 4 if factorisation == "left_to_right" else ANCHORS
    return [grow(x, a, factorisation) for x, a in zip(LETTERS, anchors, strict=True)]


@pytest.mark.parametrize("factorisation", ["pairs", "interleaved", "left_to_right"])
def test_steps_are_one_pass(factorisation, make_model, make_protein):
    model = make_model(factorisation=factorisation, depth=3, protein_depth=2, **SMALL)
    proteins, rows = [make_protein(9), make_protein(70, 1)], rows_of(factorisation)
    with torch.no_grad():
        whole = model(AnchoredBatch.of(proteins, rows, [0, 1, 1, 0], [True, True, False, True]))
    found = by_steps(model, proteins, rows, [0, 1, 1, 0], [1, 1, 0, 1])
    assert torch.allclose(torch.cat(found), whole, atol=1e-5)


@pytest.mark.parametrize("factorisation", ["pairs", "interleaved"])
def test_a_sample_has_the_same_bits_beside_any_others(factorisation, make_model, make_protein):
    model = make_model(factorisation=factorisation, depth=2, protein_depth=1, **SMALL)
    proteins, rows = [make_protein(9), make_protein(70, 1)], rows_of(factorisation) * 9
    protein_of, rna = [0, 1, 1, 0] * 9, [1, 0, 1] * 12
    together = by_steps(model, proteins, rows, protein_of, rna)
    for s in (0, 1, 2, 3, 17, 35):
        alone = by_steps(model, [proteins[protein_of[s]]], [rows[s]], [0], [rna[s]])
        assert torch.equal(alone[0], together[s])


def test_kept_samples_go_on(make_model, make_protein):
    model, proteins = make_model(depth=1, protein_depth=1, **SMALL), [make_protein(5), make_protein(6, 1)]
    start = torch.tensor([[6]] * 3), torch.tensor([[1]] * 3), torch.zeros(3, 1, dtype=torch.long)
    following = torch.tensor([[5, 2]] * 3), torch.tensor([[0, 1]] * 3), torch.tensor([[1, 0]] * 3)
    logits = []
    for kept in ([0, 1, 2], [2, 0]):
        growth = Growth(model, protein_memory(model, proteins), torch.tensor([0, 1, 1]), torch.tensor([1, 0, 1]), 8)
        growth.step(*start, torch.ones(3, 1, dtype=torch.bool))
        growth.keep(torch.tensor(kept))
        logits.append(growth.step(*(x[: len(kept)] for x in following), torch.ones(len(kept), 2, dtype=torch.bool)))
    assert torch.equal(logits[1], logits[0][[2, 0]])
