import pytest
import torch

from foundation.config import ModelConfig
from foundation.model.transformer import FoundationTransformer
from foundation.tokens import Axis, Space

SPACES = (
    Space("image", "discrete", 5, (Axis("y", "arcsec", 0, 2, 1), Axis("x", "arcsec", 0, 1, 1))),
    Space("spectrum", "continuous", 2, (Axis("wavelength", "Angstrom", 4000, 5500, 500),)),
    Space("redshift", "discrete", 4),
    Space("flux", "discrete", 3),
)


class Witness(FoundationTransformer):
    """Remembers what it predicted, by token of the first document, and which of its tokens each pass asked for."""

    def predict(self, states, batch):
        found = super().predict(states, batch)
        self.asked.append(batch.token[batch.query_rows][batch.document[batch.query_rows] == 0].tolist())
        for prediction in found.values():
            d = prediction.distribution
            values = d.logits if hasattr(d, "logits") else torch.cat([d.mean, d.stddev], -1)
            for row, value in zip(prediction.rows.tolist(), values, strict=True):
                if batch.document[row] == 0:
                    self.seen[int(batch.token[row])] = value
        return found


@pytest.fixture(params=[0, 1], ids=["one-stack", "decoder"])
def model(request):
    torch.manual_seed(3)
    model = Witness(ModelConfig(width=16, depth=2, decoder_depth=request.param, heads=2), SPACES).double()
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.4)
    model.seen, model.asked = {}, []
    return model
