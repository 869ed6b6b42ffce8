"""The packed model against the slow reading of RNA-BAnG, with the published sizes and the released tensors."""

from dataclasses import replace

import pytest
import torch

from foundation.interop.rnabang import to_released
from foundation.model.anchored.batch import AnchoredBatch
from foundation.model.anchored.order import CNTL, CNTR, grow


def places_in_release(rows, contact):
    """Where each row stands in <eos> x_0 ... x_c <cntl> <cntr> x_(c+1) ... <eos>."""
    ct = contact + 2
    side = torch.where(rows.index > 0, ct + 1 + rows.index, ct - 1 + rows.index)
    return torch.where(rows.ids == CNTL, ct, torch.where(rows.ids == CNTR, ct + 1, side))


def test_published_sizes_agree(make_model, make_protein, slow):
    model = make_model()
    assert sum(p.numel() for p in model.parameters()) == 14_530_161
    weights = to_released(model.state_dict(), model.config)
    assert sum(t.numel() for t in weights.values()) == 14_531_441
    proteins = [make_protein(23), make_protein(9, 1)]
    generator = torch.Generator().manual_seed(2)
    samples = [(0, 12, 4, True), (1, 7, 0, False), (0, 5, 4, False), (0, 30, 11, True)]  # protein, n, contact, RNA
    letters = [torch.randint(4, (n,), generator=generator) for _, n, _, _ in samples]
    rows = [grow(x, contact + 1) for x, (_, _, contact, _) in zip(letters, samples, strict=True)]
    batch = AnchoredBatch.of(proteins, rows, [s[0] for s in samples], [s[3] for s in samples])
    with torch.no_grad():
        logits = model(batch).split([len(r) for r in rows])
        states = [slow.protein_states(weights, p.residues, p.rotation, p.translation, p.index) for p in proteins]
        assert torch.allclose(model.encode_protein(batch), torch.cat(states), atol=1e-5)
        for found, row, x, (protein, _, contact, rna) in zip(logits, rows, letters, samples, strict=True):
            whole = slow.symbol_logits(weights, states[protein], slow.arranged(x.tolist(), contact), rna)
            wanted = whole[places_in_release(row, contact)]
            assert torch.allclose(found, wanted, atol=1e-5)


def test_gradients_agree(make_model, make_protein, slow):
    """In float64, of every parameter at once."""
    model = make_model(depth=2, protein_depth=2).double()
    protein, x, contact = make_protein(11, dtype=torch.float64), torch.tensor([0, 3, 1, 1, 2, 0]), 2
    rows = grow(x, contact + 1)
    model(AnchoredBatch.of([protein], [rows])).square().sum().backward()
    leaves = {n: p.detach().clone().requires_grad_() for n, p in model.named_parameters()}
    weights = to_released(leaves, model.config)
    states = slow.protein_states(weights, protein.residues, protein.rotation, protein.translation, protein.index, 2)
    whole = slow.symbol_logits(weights, states, slow.arranged(x.tolist(), contact), True, 2)
    whole[places_in_release(rows, contact)].square().sum().backward()
    for name, parameter in model.named_parameters():
        scale = leaves[name].grad.abs().max() + 1e-9
        assert (parameter.grad - leaves[name].grad).abs().max() < 1e-6 * scale, name


@pytest.mark.parametrize("factorisation", ["pairs", "interleaved", "left_to_right"])
def test_no_row_depends_on_later_letters(factorisation, make_model, make_protein):
    model = make_model(depth=2, protein_depth=1, factorisation=factorisation).double()
    protein, anchor = make_protein(5, dtype=torch.float64), 0 if factorisation == "left_to_right" else 3
    x = torch.tensor([0, 1, 2, 3, 0, 1, 2])
    rows = grow(x, anchor, factorisation)
    with torch.no_grad():
        before = model(AnchoredBatch.of([protein], [rows]))
        for place in range(len(x)):
            other = x.clone()
            other[place] = (other[place] + 1) % 4
            after = model(AnchoredBatch.of([protein], [grow(other, anchor, factorisation)]))
            held = int(rows.group[_holder(rows, place, anchor)])
            earlier = rows.group < held
            assert (after[earlier] - before[earlier]).abs().max() < 1e-12
            assert (after[~earlier] - before[~earlier]).abs().amax(1).min() > 1e-9


def _holder(rows, place, anchor):
    """The row that holds the letter at this place."""
    same_side = (rows.index > 0) == (place >= anchor)
    found = (rows.index == place - anchor + 1) & same_side & (rows.ids < CNTL)
    return torch.nonzero(found).flatten()[0]


def test_turning_and_shifting_the_protein_changes_nothing(make_model, make_protein):
    model, protein = make_model(), make_protein(40)
    turn = make_protein(1, 5).rotation[0]
    shifted = protein.translation @ turn.T + torch.tensor([3.0, -8, 5])
    moved = replace(protein, rotation=turn @ protein.rotation, translation=shifted)
    rows = [grow(torch.arange(9) % 4, 4)]
    with torch.no_grad():
        one, other = (model(AnchoredBatch.of([p], rows)) for p in (protein, moved))
    assert (one - other).abs().max() < 1e-5


def test_samples_and_proteins_do_not_touch_each_other(make_model, make_protein):
    model = make_model(depth=2, protein_depth=2)
    proteins = [make_protein(7), make_protein(12, 1)]
    rows = [grow(torch.arange(n) % 4, n // 2) for n in (3, 8, 5)]
    with torch.no_grad():
        together = model(AnchoredBatch.of(proteins, rows, [0, 1, 0])).split([len(r) for r in rows])
        for found, row, p in zip(together, rows, (0, 1, 0), strict=True):
            assert torch.allclose(found, model(AnchoredBatch.of([proteins[p]], [row])), atol=2e-5)
