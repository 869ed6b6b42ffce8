"""Roll-outs: the cache against reading everything again, windows, ensembles, constants, and what is refused."""

import pytest
import torch

from foundation.errors import FoundationError
from foundation.model.fields.rollout import rollout
from foundation.model.fields.time_layer import Past, _buckets

NAMES = ("density", "pressure")
RING, WALLS = torch.full((3, 2), 2), torch.tensor([[0, 1], [0, 0], [2, 2]])


@pytest.fixture
def model(build):
    return build(NAMES)


def draw(generator, *space, frames=3, batch=2):
    return torch.randn(batch, frames, len(NAMES), *space, generator=generator, dtype=torch.float64)


def all_again(model, values, boundary, steps, seed):
    """The growing context read anew at each step, with the scales and the draws of the first."""
    scales, seen = model.scales(values), values
    for _ in range(steps):
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        with torch.no_grad():
            out = model(seen, NAMES, boundary, generator, scales)
        seen = torch.cat([seen, scales.step(seen[:, -1:], out[:, -1:])], 1)
    return seen[:, values.shape[1] :]


@pytest.mark.parametrize("seed", [None, 4])
@pytest.mark.parametrize("boundary", [RING, WALLS], ids=["ring", "walls"])
@pytest.mark.parametrize("space", [(16, 12, 1), (8, 12, 8)], ids=str)
def test_the_cache_equals_reading_all_again(model, generator, space, boundary, seed):
    values = draw(generator, *space)
    seeded = None if seed is None else torch.Generator().manual_seed(seed)
    cached = rollout(model, values, NAMES, boundary, 4, seeded, memory="cache")
    slow = all_again(model, values, boundary, 4, seed)
    assert float((cached - slow).abs().max() / slow.abs().max()) < 1e-12


def test_the_cache_with_a_reach_equals_a_band_over_all_frames(model, generator):
    layer, x = model.blocks[0].time, torch.randn(6 * 2, 5, 48, generator=generator, dtype=torch.float64)
    at_once, whole = layer.extend(x, 6, Past(3)), layer(x, 6)
    past, parts = Past(3), []
    for frames in (x[:4], *x[4:].split(2)):
        parts.append(layer.extend(frames, len(frames) // 2, past))
        assert past.keys.shape[2] <= 2
    assert torch.allclose(torch.cat(parts), at_once, atol=1e-13)
    assert torch.allclose(at_once[:6], whole[:6], atol=1e-13) and not torch.allclose(at_once[6:], whole[6:])
    assert torch.allclose(layer.extend(x, 6, Past()), whole, atol=1e-13)


def test_buckets_of_distant_frames(slow):
    assert _buckets(60).tolist() == [slow.t5_bucket(d) for d in range(60)]
    assert _buckets(60).max() == 31


def test_a_window_is_read_anew_at_each_step(model, generator):
    values = draw(generator, 16, 12, 1)
    frames = rollout(model, values, NAMES, RING, 2)
    with torch.no_grad():
        scales = model.scales(values)
        first = scales.step(values[:, -1:], model(values, NAMES, RING)[:, -1:])
        window = torch.cat([values[:, 1:], first], 1)
        second = model.scales(window).step(first, model(window, NAMES, RING)[:, -1:])
    assert torch.allclose(frames, torch.cat([first, second], 1), atol=1e-12)


def test_a_seed_repeats_a_rollout(model, generator):
    values = draw(generator, 16, 12, 1)
    runs = [rollout(model, values, NAMES, RING, 2, torch.Generator().manual_seed(s)) for s in (1, 1, 2)]
    assert torch.equal(runs[0], runs[1]) and not torch.equal(runs[0], runs[2])


def test_an_ensemble_has_less_variance(model, generator):
    values = draw(generator, 16, 12, 1, batch=1)

    def spread(ensemble):
        runs = [rollout(model, values, NAMES, RING, 1, torch.Generator().manual_seed(s), ensemble) for s in range(12)]
        return float(torch.stack(runs).var(0).mean())

    assert 2.5 < spread(1) / spread(6) < 14


@pytest.mark.parametrize("memory", ["window", "cache"])
def test_constant_fields_stay(model, generator, memory):
    values = draw(generator, 12, 8, 1)
    values[:, :, 1] = values[:, :1, 1]
    frames = rollout(model, values, NAMES, RING, 3, constant=("pressure",), memory=memory)
    assert torch.equal(frames[:, :, 1], values[:, :, 1]) and not torch.equal(frames[:, 1, 0], frames[:, 2, 0])


def test_a_long_rollout_with_a_short_memory(model, generator):
    frames = rollout(model, draw(generator, 12, 8, 1), NAMES, RING, 30, memory="cache", reach=3)
    assert frames.shape == (2, 30, 2, 12, 8, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(steps=0), "0 steps"),
        (dict(constant=("mask",)), "constant mask is not among density, pressure"),
        (dict(reach=3), "Give 'window' without a reach"),
        (dict(ensemble=2), "Give a generator"),
    ],
)
def test_refusals(model, generator, options, message):
    with pytest.raises(FoundationError, match=message):
        rollout(model, draw(generator, 8, 8, 1), NAMES, RING, **{"steps": 1, **options})


def linear(values, steps):
    increment = values[:, -1:] - values[:, -2:-1]
    return values[:, -1:] + torch.arange(1, steps + 1).view(1, -1, 1, 1, 1, 1) * increment


@pytest.mark.parametrize("memory", ["window", "cache"])
def test_an_untrained_model_that_extrapolates_draws_a_line(build, generator, memory):
    model, values = build(NAMES, extrapolate=1.0), draw(generator, 16, 12, 1)
    with torch.no_grad():
        for decoder in model.decoders.values():
            decoder.proj2.zero_()
            decoder.bias2.zero_()
    found = rollout(model, values, NAMES, RING, 3, memory=memory)
    torch.testing.assert_close(found, linear(values, 3))


@pytest.mark.parametrize("options", [{"extrapolate": 0.7}, {"sees_increments": True}], ids=str)
def test_the_cache_equals_reading_all_again_where_a_model_looks_back(build, generator, options):
    model, values = build(NAMES, **options), draw(generator, 16, 12, 1)
    cached = rollout(model, values, NAMES, WALLS, 4, memory="cache")
    torch.testing.assert_close(cached, all_again(model, values, WALLS, 4, None), rtol=1e-9, atol=1e-9)
