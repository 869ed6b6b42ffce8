"""The model against an independent slow reading of the published facts: outputs and gradients, float64 and float32."""

import pytest
import torch

from foundation.interop.walrus import to_released

NAMES = ("density", "pressure", "C_xy", "A")
BOUNDARIES = {
    "periodic": ((2, 2), (2, 2), (2, 2)),
    "walls": ((0, 0), (0, 0), (0, 0)),
    "open": ((1, 1), (1, 1), (1, 1)),
    "mixed sides": ((0, 1), (1, 0), (2, 2)),
    "one ring": ((2, 2), (0, 1), (1, 1)),
}
# with 4 tokens wanted in 3D and 8 in 2D: the published strides (2, 2), (4, 2), (6, 2), (4, 4), (6, 4), (8, 4) in turn
SPACES = [(16, 24, 32), (8, 12, 1), (64, 32, 1), (48, 1, 64), (1, 96, 128), (192, 256, 1), (17, 12, 20), (7, 5, 1)]


def draw(space, frames=3, batch=2, seed=0, dtype=torch.float64):
    seeded = torch.Generator().manual_seed(seed)
    return torch.randn(batch, frames, len(NAMES), *space, generator=seeded, dtype=torch.float64).to(dtype)


def difference(fast, slow):
    fast, slow = fast.detach().double(), slow.detach().double()
    return float((fast - slow).abs().max() / slow.abs().max())


@pytest.mark.parametrize("boundary", BOUNDARIES.values(), ids=BOUNDARIES)
@pytest.mark.parametrize("space", SPACES, ids=str)
def test_outputs_in_float64(build, both, space, boundary):
    model = build(tokens=(8, 8, 4))
    with torch.no_grad():
        fast, shown, _ = both(model, draw(space), NAMES, boundary, seed=5)
    assert fast.shape == (2, 3, 4, *space)
    assert difference(fast, shown) < 1e-12


@pytest.mark.parametrize(("seed", "jitter"), [(None, True), (1, True), (2, True), (None, False)])
def test_with_and_without_room_for_jitter(build, both, seed, jitter):
    with torch.no_grad():
        fast, shown, _ = both(build(jitter=jitter), draw((32, 40, 1)), NAMES, BOUNDARIES["one ring"], seed)
    assert difference(fast, shown) < 1e-12


@pytest.mark.parametrize("space", [(32, 32, 1), (16, 16, 16)], ids=str)
def test_outputs_in_float32(build, both, space):
    model, values = build(), draw(space, dtype=torch.float32)
    with torch.no_grad():
        _, shown, _ = both(model, values.double(), NAMES, BOUNDARIES["one ring"], seed=2)
        fast, _, _ = both(model.float(), values, NAMES, BOUNDARIES["one ring"], seed=2)
    assert fast.dtype == torch.float32
    assert difference(fast, shown) < 1e-5


@pytest.mark.parametrize(("space", "every"), [((32, 24, 1), 0), ((32, 1, 24), 1), ((12, 8, 16), 2)], ids=str)
def test_gradients_of_all_weights(build, both, space, every):
    model = build(checkpoint_every=every)
    weigh = torch.randn(2, 3, 4, *space, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    fast, shown, weights = both(model, draw(space), NAMES, BOUNDARIES["one ring"], seed=4)
    (fast * weigh).sum().backward()
    (shown * weigh).sum().backward()
    ours = {n: torch.zeros_like(p) if p.grad is None else p.grad for n, p in model.named_parameters()}
    ours |= {n: b for n, b in model.named_buffers()}
    for name, gradient in to_released(ours, model.config).items():
        if "freqs" in name or weights[name].grad is None:
            continue
        scale = max(float(weights[name].grad.abs().max()), 1e-3)
        assert float((gradient - weights[name].grad).abs().max()) / scale < 1e-8, name


def test_learned_rotary_and_absolute_grid(build, both):
    model = build(rotary="learned", grid=(13, 1, 19))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "frequency" in name:
                parameter += 0.3 * torch.randn_like(parameter)
    fast, shown, weights = both(model, draw((24, 1, 36)), NAMES, BOUNDARIES["walls"], seed=1)
    assert sum("freqs" in n for n in weights) == 3 * model.config.depth and "ape" in weights
    assert difference(fast, shown) < 1e-12
    fast.square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for n, p in model.named_parameters() if "frequency" in n and not n.endswith(".1"))
    assert model.place.grad.abs().sum() > 0


def test_samples_of_one_batch_may_have_other_sides(build, both):
    model, values = build(), draw((32, 16, 1))
    codes = (BOUNDARIES["walls"], ((0, 1), (1, 1), (0, 0)))
    with torch.no_grad():
        together = model(values, NAMES, torch.tensor(codes))
        apart = [both(model, values[i : i + 1], NAMES, codes[i])[1] for i in range(2)]
    assert difference(together, torch.cat(apart)) < 1e-12


@pytest.mark.parametrize("frames", [1, 2, 16])
def test_any_number_of_frames(build, slow, both, frames):
    values = draw((12, 8, 1), frames=max(frames, 2))
    scales = build().scales(values)
    model, values = build(), values[:, :frames]
    with torch.no_grad():
        fast = model(values, NAMES, torch.tensor(BOUNDARIES["open"]), scales=scales)
        named = [3 + model.names.index(n) for n in NAMES]
        strides = [axis.stride for axis in model.setting(values, NAMES, torch.tensor(BOUNDARIES["open"])).grid]
        flat = tuple(s.transpose(0, 1) for s in (scales.value, scales.increment))
        shown = slow.slow_walrus(
            to_released(model.state_dict(), model.config), values.transpose(0, 1), named, BOUNDARIES["open"], strides,
            scales=flat,
        )  # fmt: skip
    assert difference(fast, shown.transpose(0, 1)) < 1e-12
