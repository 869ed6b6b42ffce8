"""A small model over four unlike spaces, and random samples and reveal vectors for it."""

from dataclasses import replace

import pytest
import torch

from foundation.batch import pack
from foundation.config import ModelConfig
from foundation.model.pretrained import FoundationModel
from foundation.tokens import Axis, Space, Tokens, concatenate

SPACES = (
    Space("spectrum", "discrete", 50, (Axis("wavelength", "Angstrom", 3600.0, 9800.0, 20.0),)),
    Space("image", "continuous", 5, (Axis("x", "arcsec", -10.0, 10.0, 1.0), Axis("y", "arcsec", -10.0, 10.0, 1.0))),
    Space("z", "discrete", 11),
    Space("cube", "discrete", 7, tuple(Axis(n, "m", 0.0, 5.0, 1.0) for n in "txy")),
)
SMALL = ModelConfig(width=48, depth=2, decoder_depth=0, heads=4)


@pytest.fixture
def spaces():
    return SPACES


@pytest.fixture
def build():
    """A float64 model of fixed weights; keywords replace entries of its configuration."""

    def make(spaces=SPACES, **changes):
        torch.manual_seed(3)
        model = FoundationModel(replace(SMALL, **changes), spaces).double().eval()
        with torch.no_grad():  # norms at one and embeddings near zero would hide mistakes
            for parameter in model.parameters():
                parameter += 0.1 * torch.randn(parameter.shape, dtype=torch.float64)
        return model

    return make


@pytest.fixture
def draw(generator):
    """Tokens of a random sample: up to `longest` of each space, and one z."""

    def sample(longest=9):
        parts = []
        for space in SPACES:
            n = 1 if not space.axes else int(torch.randint(0, longest + 1, (1,), generator=generator))
            columns = [a.low + a.step * torch.randint(0, a.count, (n,), generator=generator) for a in space.axes]
            position = torch.stack(columns, 1).double() if columns else None
            code, vector = (
                torch.randint(0, space.size, (n,), generator=generator),
                torch.randn(n, space.size, generator=generator),
            )
            parts.append(Tokens.of_space(space, code if space.discrete else vector, position))
        tokens = concatenate(parts)
        return tokens.select(torch.randperm(len(tokens), generator=generator))

    return sample


@pytest.fixture
def draw_reveal(generator):
    def reveal(tokens, steps=3):
        return torch.randint(-1, steps + 1, (len(tokens),), generator=generator).index_fill(0, torch.tensor([0]), steps)

    return reveal


@pytest.fixture
def run():
    """Prediction parameters and content states by (document, token): what a user can see of a forward pass."""

    def predict(model, samples):
        batch = pack(samples, model.spaces)
        with torch.no_grad():
            states = model(batch)
            predictions = model.predict(states, batch)
        asked, content = {}, {}
        for name, prediction in predictions.items():
            values = model.heads.outputs(name, states[prediction.rows])
            for row, value in zip(prediction.rows.tolist(), values, strict=True):
                asked[int(batch.document[row]), int(batch.token[row])] = value
        for row in batch.content_rows.tolist():
            content[int(batch.document[row]), int(batch.token[row])] = states[row]
        return asked, content

    return predict
