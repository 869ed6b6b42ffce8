"""Geometric attention and its gradients against differences written out in float64."""

import pytest
import torch

from foundation.interop.rnabang import to_released
from foundation.kernels.attention import AttentionLayout
from foundation.model.anchored.batch import AnchoredBatch, Protein
from foundation.model.anchored.order import grow

NAME = "main_model.trunk.encoder_aa_0.geom_mha"


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-6), (torch.float32, 2e-4)])
def test_gradients(make_model, make_protein, slow, dtype, tolerance, generator):
    model = make_model(depth=1, protein_depth=1).double()
    protein, x = make_protein(17, dtype=torch.float64), torch.randn(17, 128, generator=generator, dtype=torch.float64)
    upstream = torch.randn(17, 128, generator=generator, dtype=torch.float64)
    weights = {n: t.detach().clone().requires_grad_() for n, t in to_released(model.state_dict(), model.config).items()}
    inputs = [t.clone().requires_grad_() for t in (x, protein.rotation, protein.translation)]
    wanted = slow.geometric(weights, NAME, *inputs)
    wanted.backward(upstream)

    layer = model.protein_blocks[0].geometric.to(dtype)
    ours = [t.to(dtype).requires_grad_() for t in (x, protein.rotation, protein.translation)]
    layout = AttentionLayout.packed(torch.tensor([0, 17]), torch.zeros(17, dtype=torch.long))
    found = layer(*ours, layout)
    found.backward(upstream.to(dtype))

    pairs = [(found, wanted), *((a.grad, b.grad) for a, b in zip(ours, inputs, strict=True))]
    released = to_released(
        {f"protein_blocks.0.geometric.{n}": p.grad for n, p in layer.named_parameters()}, model.config
    )
    pairs += [(released[n], weights[n].grad) for n in weights if n.startswith(NAME)]
    for a, b in pairs:
        assert (a.double() - b).abs().max() < tolerance * b.abs().max()


def test_far_from_the_origin_nothing_is_lost(make_model, make_protein, generator):
    layer, protein = make_model(depth=1, protein_depth=1).protein_blocks[0].geometric, make_protein(30)
    x, code = torch.randn(30, 128, generator=generator), torch.zeros(30, dtype=torch.long)
    layout = AttentionLayout.packed(torch.tensor([0, 30]), code)
    with torch.no_grad():
        near = layer(x, protein.rotation, protein.translation, layout)
        far = layer(x, protein.rotation, protein.translation + 50, layout)
    assert (near - far).abs().max() < 1e-3 * near.abs().max()


def test_a_sequence_without_a_protein(make_model, make_protein):
    """Attention to no residues adds nothing but its constant; gradients stay finite and reach every weight."""
    model = make_model(depth=1, protein_depth=1)
    batch = AnchoredBatch.of([Protein.absent(), make_protein(4)], [grow(torch.arange(4), 2)] * 2)
    logits = model(batch)
    logits.square().sum().backward()
    assert torch.isfinite(logits).all()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())
    alone = model(AnchoredBatch.of([Protein.absent()], [grow(torch.arange(4), 2)]))
    assert torch.allclose(alone, logits[: len(alone)], atol=1e-5)
