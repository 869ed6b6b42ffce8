import pytest
import torch

from foundation.batch import pack
from foundation.errors import FoundationError
from foundation.model import encoding
from foundation.model.encoding import by_budget, encode_tokens


@pytest.fixture
def samples(draw):
    return [draw(longest=3 + 2 * (i % 7)) for i in range(25)]


def states_of(model, tokens, layer=None):
    """Encoder states of one sample alone, by the model's forward pass where that has them."""
    batch = pack([(tokens, torch.zeros(len(tokens), dtype=torch.long))], model.spaces)
    with torch.no_grad():
        return model(batch) if layer is None else model.features(batch, layer)


@pytest.mark.parametrize("decoder_depth", [0, 2])
@pytest.mark.parametrize("layer", [None, 0, 1])
@pytest.mark.parametrize("tokens_per_batch", [1, 60, 10_000])
def test_every_token_is_that_of_the_sample_alone(build, samples, decoder_depth, layer, tokens_per_batch):
    model = build(decoder_depth=decoder_depth)
    features = encode_tokens(model, samples, layer, "none", tokens_per_batch)
    assert len(features) == len(samples) and features.names == tuple(s.name for s in model.spaces)
    for i, tokens in enumerate(samples):
        torch.testing.assert_close(features[i], states_of(model, tokens, layer), rtol=1e-11, atol=1e-11)
        rows = slice(features.offsets[i], features.offsets[i + 1])
        assert torch.equal(features.position[rows], tokens.position)
        assert [features.names[s] for s in features.space[rows]] == [tokens.spaces[s].name for s in tokens.space]


def test_pools_are_means_of_the_tokens(build, samples):
    model = build()
    mean = encode_tokens(model, samples, pool="mean", tokens_per_batch=60)
    spaces = encode_tokens(model, samples, pool="spaces", tokens_per_batch=60)
    for i, tokens in enumerate(samples):
        states = states_of(model, tokens)
        torch.testing.assert_close(mean[i], states.mean(0))
        for j, name in enumerate(spaces.names):
            own = states[tokens.of(name)]
            assert spaces.present[i, j] == mean.present[i, j] == bool(len(own))
            torch.testing.assert_close(spaces[i][j], own.mean(0) if len(own) else torch.zeros(48, dtype=torch.float64))


@pytest.mark.parametrize("pool", ["mean", "spaces", "none"])
def test_order_of_samples_does_not_matter(build, samples, generator, pool):
    model = build()
    order = torch.randperm(len(samples), generator=generator).tolist()
    straight = encode_tokens(model, samples, pool=pool, tokens_per_batch=60)
    shuffled = encode_tokens(model, [samples[i] for i in order], pool=pool, tokens_per_batch=60)
    for place, i in enumerate(order):
        torch.testing.assert_close(shuffled[place], straight[i], rtol=1e-11, atol=1e-11)


def test_single_precision_differs_by_rounding_only(build, samples):
    model = build()
    exact = encode_tokens(model, samples).values
    single = encode_tokens(model.float(), samples).values
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), exact, rtol=1e-4, atol=1e-4)


def test_a_probe_can_be_trained_on_features(build, samples):
    values = encode_tokens(build(), samples).values
    weight = torch.zeros(48, dtype=torch.float64, requires_grad=True)
    (values @ weight).sum().backward()
    torch.testing.assert_close(weight.grad, values.sum(0))


@pytest.mark.parametrize(
    ("lengths", "budget", "groups"),
    [
        ([5, 1, 3], 100, [[1, 2, 0]]),
        ([5, 1, 3], 4, [[1, 2], [0]]),
        ([2, 2, 2, 2], 4, [[0, 1], [2, 3]]),
        ([9, 9], 1, [[0], [1]]),
        ([7], 3, [[0]]),
    ],
)
def test_groups_keep_to_the_budget(lengths, budget, groups):
    assert [g.tolist() for g in by_budget(torch.tensor(lengths), budget)] == groups


def test_nothing_to_encode_is_refused(build, samples):
    with pytest.raises(FoundationError, match="0 samples"):
        encode_tokens(build(), [])
    with pytest.raises(FoundationError, match="empty"):
        encode_tokens(build(), [samples[0], samples[1].select(torch.tensor([], dtype=torch.long))])


def test_long_work_shows_progress_with_a_total(build, samples, monkeypatch, capsys):
    encode_tokens(build(), samples)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(encoding, "LONG", 3)
    encode_tokens(build(), samples, tokens_per_batch=1)
    assert "encode: 25/25" in capsys.readouterr().err
