"""The FLOP formula against torch's counter."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from foundation.batch import pack
from foundation.config import ModelConfig
from foundation.kernels.attention.reference import visible
from foundation.model.decoding import DecoderRows
from foundation.model.transformer import FoundationTransformer
from foundation.tokens import Axis, Space, Tokens, concatenate
from foundation.training.flops import forward_flops, pairs, training_flops

LINE = (Axis("x", "", 0.0, 40.0, 1.0),)
SPACES = (
    Space("image", "discrete", 50, LINE),
    Space("redshift", "discrete", 20),
    Space("spectrum", "continuous", 7, LINE),
)


@pytest.fixture
def batch(generator):
    samples = []
    for pixels, steps in ((5, 1), (30, 3), (12, 2)):
        image = torch.randint(50, (pixels,), generator=generator)
        x = torch.arange(float(pixels), dtype=torch.float64)[:, None]
        parts = [
            Tokens.of_space(SPACES[0], image, x),
            Tokens.of_space(SPACES[1], image[:1] % 20),
            Tokens.of_space(SPACES[2], torch.randn(4, 7, generator=generator), x[:4]),
        ]
        tokens = concatenate(parts)
        samples.append((tokens, torch.randint(steps + 1, (len(tokens),), generator=generator)))
    return pack(samples, SPACES)


@pytest.mark.parametrize("position", ["sinusoidal", "rotary"])
@pytest.mark.parametrize(("decoder_depth", "decoder_values"), [(0, False), (2, False), (2, True)])
def test_formula_equals_the_counter(batch, decoder_depth, decoder_values, position):
    sizes = {"width": 32, "depth": 3, "decoder_depth": decoder_depth, "heads": 2}
    config = ModelConfig(**sizes, position=position, decoder_values=decoder_values)
    model = FoundationTransformer(config, SPACES)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):  # the fused one is not counted
        model.predict(model(batch), batch)
    assert counter.get_total_flops() == float(forward_flops(model, batch))
    assert float(training_flops(model, batch)) == 3 * float(forward_flops(model, batch))


def test_pairs_are_those_of_the_dense_rule(batch):
    rows = DecoderRows.of(batch, ModelConfig())
    for layout in (batch.layout, rows.encoder, rows.decoder, rows.cross):
        assert int(pairs(layout)) == int(visible(layout).sum())
