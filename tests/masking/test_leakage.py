"""What a prediction may depend on, at the level of the model, for every policy and for one stack and two."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
import torch

from foundation.batch import pack
from foundation.config import ModelConfig
from foundation.masking.budget import LeadingSpace, RandomBudget
from foundation.masking.fixed import AllGiven, Completion
from foundation.masking.policy import MaskingPolicy, Mixture
from foundation.model.transformer import FoundationTransformer
from foundation.tokens import Axis, Space, Tokens, concatenate

SPACES = (
    Space("image", "discrete", 11, (Axis("y", "arcsec", 0, 3, 1), Axis("x", "arcsec", 0, 3, 1))),
    Space("spectrum", "continuous", 3, (Axis("wavelength", "Angstrom", 4000, 9000, 500),)),
    Space("redshift", "discrete", 7),
)


@dataclass(frozen=True)
class InTurn(MaskingPolicy):
    """Many steps: the strictest case, which no budget policy reaches."""

    def __call__(self, tokens, generator):
        return torch.randint(-1, 5, (len(tokens),), generator=generator)

    def support(self, spaces: Sequence[str]):
        return frozenset((g, a) for g in spaces for a in spaces)


POLICIES = [
    RandomBudget(8, 5),
    RandomBudget((1, 8), 9, unconditional=0.5),
    LeadingSpace(8, 5),
    Completion(("redshift", "spectrum")),
    Mixture((RandomBudget(4, 4), Completion(("image",))), (1.0, 1.0)),
    InTurn(),
]


@pytest.fixture(params=[0, 2], ids=["one-stack", "decoder"])
def model(request):
    torch.manual_seed(1)
    config = ModelConfig(width=16, depth=2, decoder_depth=request.param, heads=2)
    model = FoundationTransformer(config, SPACES).double().eval()
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.4)  # far from the small initial weights, so that a leak would show
    return model


def random_tokens(generator):
    grid = torch.cartesian_prod(torch.arange(4.0), torch.arange(4.0)).double()
    wavelength = 4000 + 500 * torch.arange(11.0).double()[:, None]
    return concatenate(
        [
            Tokens.of_space(SPACES[0], torch.randint(11, (16,), generator=generator), grid),
            Tokens.of_space(SPACES[1], torch.randn(11, 3, generator=generator), wavelength),
            Tokens.of_space(SPACES[2], torch.randint(7, (1,), generator=generator)),
        ]
    )


def changed(tokens, index):
    """Other values at `index`, everything else the same."""
    ids, rows = tokens.ids.clone(), tokens.vectors["spectrum"].clone()
    for i in index.tolist():
        space = tokens.spaces[int(tokens.space[i])]
        if space.discrete:
            ids[i] = (ids[i] + 1) % space.size
        else:
            rows[ids[i]] += 10.0
    return replace(tokens, ids=ids, vectors={"spectrum": rows})


def predictions(model, samples):
    """(document, token) -> parameters of the predicted distribution; and all states with the batch."""
    batch = pack(samples, SPACES)
    with torch.no_grad():
        states = model(batch)
        found = {}
        for prediction in model.predict(states, batch).values():
            d = prediction.distribution
            values = d.logits if hasattr(d, "logits") else torch.cat([d.mean, d.stddev], -1)
            keys = zip(batch.document[prediction.rows].tolist(), batch.token[prediction.rows].tolist(), strict=True)
            found |= dict(zip(keys, values, strict=True))
    return found, states, batch


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: type(p).__name__)
def test_nothing_at_or_after_a_step_changes_predictions_up_to_it(model, policy, generator):
    compared = 0
    for _ in range(6):
        tokens = random_tokens(generator)
        reveal = policy(tokens, generator)
        before, _, _ = predictions(model, [(tokens, reveal)])
        for step in range(1, int(reveal.max()) + 1):
            later = torch.nonzero((reveal >= step) | (reveal < 0)).flatten()
            after, _, _ = predictions(model, [(changed(tokens, later), reveal)])
            for key, value in before.items():
                if reveal[key[1]] <= step:
                    assert torch.equal(after[key], value)
                    compared += 1
    assert compared


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: type(p).__name__)
def test_what_is_given_does_change_predictions(model, policy, generator):
    """Guards the test above: the model does look at its context."""
    while True:
        tokens = random_tokens(generator)
        reveal = policy(tokens, generator)
        if (reveal == 0).any() and (reveal > 0).any():
            break
    before, _, _ = predictions(model, [(tokens, reveal)])
    after, _, _ = predictions(model, [(changed(tokens, torch.nonzero(reveal == 0).flatten()), reveal)])
    assert all(not torch.equal(after[key], value) for key, value in before.items())


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: type(p).__name__)
def test_one_document_changes_nothing_in_another(model, policy, generator):
    samples = [(t, policy(t, generator)) for t in (random_tokens(generator) for _ in range(3))]
    before, states, batch = predictions(model, samples)
    tokens, reveal = samples[1]
    other = [samples[0], (changed(tokens, torch.arange(len(tokens))), reveal), samples[2]]
    after, other_states, _ = predictions(model, other)
    outside = batch.document != 1
    assert torch.equal(other_states[outside], states[outside])
    assert all(torch.equal(after[key], value) for key, value in before.items() if key[0] != 1)


@pytest.mark.parametrize("policy", [*POLICIES, AllGiven()], ids=lambda p: type(p).__name__)
def test_context_states_do_not_depend_on_targets(model, policy, generator):
    """The frozen encoder's states are those of training, whatever is asked beside them."""
    for _ in range(5):
        tokens = random_tokens(generator)
        reveal = policy(tokens, generator)
        context = torch.nonzero(reveal == 0).flatten()
        if not len(context):
            continue
        _, states, batch = predictions(model, [(tokens, reveal)])
        alone = tokens.select(context)
        _, frozen, frozen_batch = predictions(model, [(alone, torch.zeros(len(alone), dtype=torch.long))])
        rows = torch.nonzero(batch.code == 0).flatten()
        there = {int(batch.token[r]): states[r] for r in rows}
        here = {int(context[frozen_batch.token[r]]): frozen[r] for r in range(len(frozen_batch))}
        assert there.keys() == here.keys()
        assert all((there[t] - here[t]).abs().max() < 1e-12 for t in there)
        other = changed(tokens, torch.nonzero(reveal != 0).flatten())
        assert torch.equal(predictions(model, [(other, reveal)])[1][rows], states[rows])
