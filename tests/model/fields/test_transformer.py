"""What a field model does whatever its weights: causality, permutations, scales, chance; and what it refuses."""

import math
from pathlib import Path

import pytest
import torch
import yaml

from foundation.errors import FoundationError
from foundation.model.fields.boundary import flag_channels
from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.normalise import Scales
from foundation.model.fields.strides import plan_grid
from foundation.model.fields.transformer import FieldTransformer

NAMES = ("density", "velocity_x", "velocity_y")
RING = torch.full((3, 2), 2)


@pytest.fixture
def model(build):
    return build((*NAMES, "pressure"))


def draw(generator, *space, frames=3, batch=2):
    return torch.randn(batch, frames, len(NAMES), *space, generator=generator, dtype=torch.float64)


def test_no_frame_knows_a_later_one(model, generator):
    values = draw(generator, 16, 12, 1, frames=4)
    scales, changed = model.scales(values), values.clone()
    changed[:, 2:] += 1
    first, second = (model(v, NAMES, RING, None, scales) for v in (values, changed))
    assert torch.equal(first[:, :2], second[:, :2])
    assert not torch.allclose(first[:, 2:], second[:, 2:])


def test_fields_may_come_in_any_order(model, generator):
    values = draw(generator, 16, 12, 1)
    order = [2, 0, 1]
    there = model(values[:, :, order], [NAMES[i] for i in order], RING)
    assert torch.allclose(there, model(values, NAMES, RING)[:, :, order], atol=1e-12)


def test_units_do_not_matter(model, generator):
    values = draw(generator, 16, 12, 1)
    factor = torch.tensor([100.0, 0.5, 3.0]).double().view(1, 1, 3, 1, 1, 1)
    assert torch.allclose(model(values * factor, NAMES, RING), model(values, NAMES, RING), atol=1e-10)


def test_samples_do_not_see_each_other(model, generator):
    values = draw(generator, 16, 12, 1, batch=3)
    together = model(values, NAMES, RING)
    assert torch.allclose(together[1:2], model(values[1:2], NAMES, RING), atol=1e-12)


def test_a_static_context_stays_where_it_is(model, generator):
    values = draw(generator, 16, 12, 1)[:, :1].expand(-1, 3, -1, -1, -1, -1)
    scales = model.scales(values)
    step = scales.step(values[:, -1:], model(values, NAMES, RING)[:, -1:]) - values[:, -1:]
    assert step.abs().max() < 1e-3  # some standard deviations of 1e-5


def test_nothing_is_random_without_a_generator(model, generator):
    values = draw(generator, 16, 12, 1)
    model.train()
    assert torch.equal(model(values, NAMES, RING), model(values, NAMES, RING))
    seeded = [model(values, NAMES, RING, torch.Generator().manual_seed(s)) for s in (1, 1, 2)]
    assert torch.equal(seeded[0], seeded[1]) and not torch.allclose(seeded[0], seeded[2])


def test_drop_path_leaves_layers_out_in_training_only(build, generator):
    model, values = build(NAMES, drop_path=0.9), draw(generator, 12, 8, 1)
    grid = model.setting(values, NAMES, RING, torch.Generator()).draws
    assert grid.keep is None
    keep = model.train().setting(values, NAMES, RING, torch.Generator().manual_seed(2)).draws.keep
    assert keep.shape == (2, 2, 2) and (keep[0] == 1).all()
    assert ((keep[1] == 0) | ((keep[1] - 10).abs() < 1e-4)).all() and (keep[1] == 0).any()


def test_training_reduces_the_loss(generator):
    torch.manual_seed(0)
    config = FieldModelConfig(width=32, depth=1, heads=2, hidden=32, inner=8, frequencies=2, tokens=(4, 4, 4))
    model = FieldTransformer(config, NAMES).train()
    wave = torch.arange(16) * (2 * math.pi / 16)
    values = torch.stack([torch.sin(wave[:, None] + 0.3 * t + wave[None] * k) for t in range(5) for k in range(3)])
    values = values.view(1, 5, 3, 16, 16, 1)
    optimiser, losses = torch.optim.AdamW(model.parameters(), 3e-3), []
    scales = model.scales(values[:, :-1])
    for _ in range(30):
        out = model(values[:, :-1], NAMES, RING, generator, scales)
        loss = (out - scales.targets(values)).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


def test_autocast_keeps_the_residual_stream(build, generator):
    model, values = build(NAMES, dtype=torch.float32), draw(generator, 16, 12, 1).float()
    with torch.no_grad():
        exact = model(values, NAMES, RING)
        with torch.autocast("cpu", torch.bfloat16):
            rough = model(values, NAMES, RING)
    assert rough.dtype == torch.float32
    assert float((rough - exact).norm() / exact.norm()) < 0.1


def test_corners_count_both_walls():
    grid = plan_grid((8, 8, 1), (False, False, True), (2, 2, 2), True)
    flags = flag_channels(torch.tensor([[[0, 1], [0, 0], [2, 2]]]), grid, torch.zeros(()))
    before, (closed, opened, inside) = grid[0].before, flags[0, ..., 0]
    assert closed[0, 0] == 2 and closed[before, 0] == 1 and closed[-1, before] == 0 and closed[before, before] == 0
    assert opened[-1, before] == 1 and opened[0].sum() == 0 and inside.sum() == 64


def test_no_flag_where_nothing_is_padded():
    grid = plan_grid((1024, 1, 1), (False, True, True), (32, 32, 16), False)
    assert (grid[0].before, grid[0].after) == (0, 0)
    flags = flag_channels(torch.zeros(1, 3, 2, dtype=torch.long), grid, torch.zeros(()))
    assert flags[:, :2].abs().sum() == 0 and (flags[:, 2] == 1).all()


def test_scales_of_a_data_set(model, generator):
    scales = Scales.of_statistics({n: 2.0 for n in NAMES}, {n: 0.1 for n in NAMES}, NAMES)
    values = draw(generator, 12, 8, 1)
    assert torch.allclose(scales.normalise(values), values / 2)
    assert model(values[:, :1], NAMES, RING, None, scales).shape == (2, 1, 3, 12, 8, 1)
    with pytest.raises(FoundationError, match="no statistics of velocity_y"):
        Scales.of_statistics({n: 2.0 for n in NAMES}, {n: 0.1 for n in NAMES[:2]}, NAMES)


def test_scales_are_formed_in_float32_under_autocast():
    values = torch.full((1, 2, 1, 4, 1, 1), 300.0).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        assert Scales.of(values, 1e-5).value.dtype == torch.float32


CASES = {
    "unknown field": (dict(names=("density", "velocity_x", "vorticity")), "no field vorticity; it has density"),
    "a field twice": (dict(names=("density", "density", "velocity_x")), "one is there twice"),
    "NaN": (dict(nan=True), "velocity_x: values are not finite"),
    "one frame": (dict(frames=1), "a context of one frame"),
    "too many frames": (dict(frames=17), "context of 17 frames"),
    "rank": (dict(rank=5), r"shape \[2, 3, 3, 8, 8\]. Give \[sample, time, field, x, y, z\]"),
    "order of axes": (dict(order=(0, 1, 5, 3, 4, 2)), "have 1 fields on axis 2"),
    "no space": (dict(space=(1, 1, 1)), "more than one point"),
    "one periodic side": (dict(boundary=((2, 1), (0, 0), (0, 0))), "periodic at one side"),
    "an unknown side": (dict(boundary=((3, 3), (0, 0), (0, 0))), "Give 0 for a wall"),
    "boundary of two axes": (dict(boundary=((2, 2), (0, 0))), r"shape \[2, 2\]. Give \[3, 2\]"),
    "unlike rings": (dict(boundary=[RING.tolist(), [[0, 0]] * 3]), "batches apart"),
}


@pytest.mark.parametrize(("case", "message"), CASES.values(), ids=CASES)
def test_refusals(model, generator, case, message):
    values = draw(generator, *case.get("space", (8, 8, 1)), frames=case.get("frames", 3))
    if case.get("nan"):
        values[1, 1, 1, 3, 2] = math.nan
    values = values[..., 0] if case.get("rank") else values.permute(case.get("order", (0, 1, 2, 3, 4, 5)))
    boundary = torch.tensor(case.get("boundary", RING.tolist()))
    with pytest.raises(FoundationError, match=message):
        model(values, case.get("names", NAMES), boundary)


def test_an_encoder_that_is_not_there(build, generator):
    with pytest.raises(FoundationError, match="want an encoder for 3D, the model has 2D"):
        build(NAMES, dimensions=(2,))(draw(generator, 8, 8, 8), NAMES, RING)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(width=50), "width 50, 2 heads"),
        (dict(frequencies=5), "5 frequencies"),
        (dict(drop_path=1.0), "drop path 1.0"),
        (dict(dimensions=()), "Give 2, 3 or both"),
    ],
)
def test_senseless_sizes(build, changes, message):
    with pytest.raises(FoundationError, match=message):
        build(NAMES, **changes)


def test_configurations():
    folder = Path(__file__).parents[3] / "configs"
    walrus, small = (yaml.safe_load((folder / f"{n}.yaml").read_text())["model"] for n in ("walrus", "walrus_small"))
    walrus, small = (
        FieldModelConfig(**{k: tuple(v) if isinstance(v, list) else v for k, v in sizes.items()})
        for sizes in (walrus, small)
    )
    assert walrus == FieldModelConfig(checkpoint_every=2)
    assert small.width == 192


@pytest.mark.parametrize("names", [(), ("a", "a"), ("a", "open_boundary")])
def test_senseless_names(build, names):
    with pytest.raises(FoundationError, match="Give at least one, each name once"):
        build(names)
