"""What cached generation costs in quality, on sequences whose probability is known; slow."""

import pytest
import torch

from foundation.batch import pack
from foundation.config import ModelConfig
from foundation.masking.fixed import Completion
from foundation.masking.policy import Mixture
from foundation.masking.stepwise import Stepwise
from foundation.model.transformer import FoundationTransformer
from foundation.sampling.sampler import Sampler
from foundation.tokens import Axis, Space, Tokens, concatenate
from foundation.training.loss import tally

LENGTH, CODES, AGREEING = 16, 6, 0.8  # a sequence has a code that nobody tells, and most of its letters are that code
STEPS, BATCH = 250, 32
SPACES = (
    Space("start", "discrete", 1),
    Space("letters", "discrete", CODES, (Axis("place", "", 0, LENGTH - 1, 1),)),
)
START = Tokens.of_space(SPACES[0], torch.zeros(1))
PLACES = torch.arange(LENGTH, dtype=torch.float64)[:, None]
SOME = Stepwise(Completion(("letters",), ("start",)), 8)


class Shown(Completion):
    """Any part of the letters given, which generation wants that encodes what was drawn anew."""

    def __call__(self, tokens, generator):
        reveal = super().__call__(tokens, generator)
        letters = torch.nonzero(reveal == 1).flatten()
        shown = letters[torch.rand(len(letters), generator=generator) < torch.rand((), generator=generator)]
        return reveal.index_fill(0, shown[: len(letters) - 1], 0)


def draw(count, generator):
    """Letters [n, LENGTH]."""
    hidden = torch.randint(CODES, (count, 1), generator=generator)
    other = torch.randint(CODES, (count, LENGTH), generator=generator)
    agree = torch.rand(count, LENGTH, generator=generator) < AGREEING
    return torch.where(agree, hidden, other)


def surprise(letters):
    """Mean negative log-probability of a sequence, in nats a letter, whatever its hidden code."""
    hits = torch.stack([(letters == code).sum(1) for code in range(CODES)], 1).double()
    often, seldom = AGREEING + (1 - AGREEING) / CODES, (1 - AGREEING) / CODES
    each = hits * torch.tensor(often).log() + (LENGTH - hits) * torch.tensor(seldom).log()
    return -(each.logsumexp(1) - torch.tensor(float(CODES)).log()).mean().item() / LENGTH


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = ModelConfig(width=32, depth=1, decoder_depth=2, heads=4, decoder_values=True)
    model = FoundationTransformer(config, SPACES)
    policy = Mixture((SOME, Shown(("letters",), ("start",))), (1.0, 1.0))
    optimiser = torch.optim.AdamW(model.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=STEPS)
    generator = torch.Generator().manual_seed(1)
    for _ in range(STEPS):
        rows = [Tokens.of_space(SPACES[1], row, PLACES) for row in draw(BATCH, generator)]
        samples = [concatenate([START, row]) for row in rows]
        batch = pack([(s, policy(s, generator)) for s in samples], SPACES)
        losses = tally(model.heads, model(batch), batch)
        optimiser.zero_grad()
        (losses.sums.sum() / losses.counts.sum()).backward()
        optimiser.step()
        schedule.step()
    return model.eval()


@pytest.mark.slow
def test_both_schemes_draw_sequences_about_as_probable_as_true_ones(model):
    true = surprise(draw(2000, torch.Generator().manual_seed(2)))
    sampler, found = Sampler(model, SOME), {}
    for steps in (1, 4, LENGTH):
        for cached in (False, True):
            drawn = sampler.complete([START] * 300, ["letters"], steps=steps, cached=cached, schedule="linear")
            found[steps, cached] = surprise(torch.stack([t.ids for t in drawn]))
    print(f"\ntrue {true:.3f}", *(f"{steps} steps cached {c}: {v:.3f}" for (steps, c), v in found.items()), sep="  ")
    assert found[1, True] == pytest.approx(found[1, False], abs=1e-6)
    for cached in (False, True):
        assert found[LENGTH, cached] - true < 0.5 * (found[1, cached] - true), "letters that know each other agree"
        assert found[LENGTH, cached] > true - 0.15, "nor are they all alike"
    assert found[LENGTH, True] - found[LENGTH, False] < 0.15, "the cached scheme is not the worse one"
