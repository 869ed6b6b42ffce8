"""A rate that was found for a narrow model serves wide ones: the sweep of rates of arXiv:2203.03466, figure 1."""

import numpy as np
import pytest
import torch

from foundation.batch import pack
from foundation.config import ModelConfig, OptimConfig
from foundation.model.transformer import FoundationTransformer
from foundation.seeded import seeded
from foundation.tokens import Axis, Space, Tokens
from foundation.training.optim import optimizer

LETTERS, WIDTHS, STEPS = 32, (32, 128, 256), 200
POWERS = (4, 5, 6, 7, 8)  # rates are 2 to minus these
SPACE = Space("letter", "discrete", LETTERS, (Axis("place", "", 0.0, LETTERS - 1.0, 1.0),))


def batch_of(documents, generator):
    """Letters that climb by one of four steps from place to place, some of them wrong; half of them are asked."""
    place = torch.arange(float(LETTERS), dtype=torch.float64)[:, None]
    samples = []
    for _ in range(documents):
        step, start = torch.randint(1, 5, (1,), generator=generator), torch.randint(LETTERS, (1,), generator=generator)
        wrong = torch.rand(LETTERS, generator=generator) < 0.05
        noise = wrong * torch.randint(LETTERS, (LETTERS,), generator=generator)
        ids = (start + step * torch.arange(LETTERS) + noise) % LETTERS
        asked = (torch.rand(LETTERS, generator=generator) < 0.5).long()
        samples.append((Tokens.of_space(SPACE, ids, place), asked))
    return pack(samples, (SPACE,))


def last_loss(width, power, tuned_width):
    """Mean training loss, in nats, over the last 30 steps of fresh batches."""
    generator, losses = torch.Generator().manual_seed(0), []
    with seeded(0):
        model = FoundationTransformer(ModelConfig(width=width, depth=2, decoder_depth=0, heads=width // 16), (SPACE,))
    config = OptimConfig(peak_rate=2.0**-power, weight_decay=0.0, warmup_fraction=0.1, tuned_width=tuned_width)
    adam, schedule = optimizer(model, STEPS, config)
    for _ in range(STEPS):
        batch = batch_of(16, generator)
        asked = batch.query_rows
        loss = model.heads.loss("letter", model(batch)[asked], batch.ids[asked]) / len(asked)
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        schedule.step()
        losses.append(float(loss.detach()))
    return np.mean(losses[-30:])


@pytest.mark.slow
def test_one_rate_serves_three_widths():
    found = {}
    for tuned in (0, WIDTHS[0]):
        for width in WIDTHS:
            found[tuned, width] = [last_loss(width, power, tuned) for power in POWERS]
            print(f"tuned width {tuned}, width {width}: " + ", ".join(f"{x:.3f}" for x in found[tuned, width]))
    best = {key: int(np.argmin(losses)) for key, losses in found.items()}
    narrow, wide = WIDTHS[0], WIDTHS[-1]
    rate = best[narrow, narrow]
    assert all(abs(best[narrow, width] - rate) <= 1 for width in WIDTHS)
    assert best[0, wide] - rate >= 2  # without, the wide one wants a quarter of the rate or less
    assert found[narrow, wide][rate] < found[0, wide][rate] - 0.3
