"""The model trained on each backend: losses differ by rounding only, and the model is not built anew for it."""

import pytest
import torch
import torch.nn.functional as F

from foundation.batch import pack
from foundation.config import ModelConfig
from foundation.kernels.attention import use_backend
from foundation.model.transformer import FoundationTransformer
from foundation.tokens import Axis, Space, Tokens

SPACE = Space("spectrum", "discrete", 20, (Axis("wavelength", "Angstrom", 0.0, 100.0, 1.0),))
LENGTHS = (9, 14, 5)


@pytest.fixture
def batch(generator):
    """Three documents, half of each asked for in two steps."""
    samples = []
    for n in LENGTHS:
        tokens = Tokens.of_space(
            SPACE, torch.randint(0, 20, (n,), generator=generator), torch.arange(n).double().unsqueeze(1)
        )
        samples.append((tokens, torch.arange(n) % 4 // 2 * (1 + torch.arange(n) % 2)))
    return pack(samples, [SPACE])


def losses(batch, backend, steps):
    """Of a model of fixed initial weights trained on one batch."""
    torch.manual_seed(0)
    model = FoundationTransformer(ModelConfig(width=32, depth=1, decoder_depth=0, heads=1), [SPACE])
    optimiser = torch.optim.AdamW(model.parameters(), 3e-3)
    curve = []
    with use_backend(backend):
        for _ in range(steps):
            prediction = model.predict(model(batch), batch)["spectrum"]
            loss = F.cross_entropy(prediction.distribution.logits, batch.ids[prediction.rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            curve.append(loss.item())
    return torch.tensor(curve)


@pytest.mark.parametrize("backend", ["sdpa", "triton"])
def test_fifty_steps_give_the_same_losses(backend, batch):
    if backend == "triton":
        pytest.importorskip("triton")
    known, found = losses(batch, "reference", 50), losses(batch, backend, 50)
    assert known[-1] < 0.5 * known[0]
    assert ((found - known).abs() / known).max() < 1e-3
