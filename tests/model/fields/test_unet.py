"""The U-Net: what a shift of a ring must do, walls, causality, any set of fields, and files of it."""

import pytest
import torch

from foundation.errors import FoundationError
from foundation.model.fields.rollout import rollout
from foundation.model.fields.stored_unet import FieldUNet, load_network
from foundation.model.fields.unet import UNet
from foundation.model.fields.unet_config import UNetConfig

NAMES = ("density", "pressure")
RING, WALLS = torch.full((3, 2), 2), torch.tensor([[0, 1], [0, 0], [2, 2]])
SMALL = UNetConfig(channels=(4, 8, 8), groups=2, frames=3)


def build(names=NAMES, **changes):
    torch.manual_seed(3)
    model = UNet(UNetConfig(**{**SMALL.__dict__, **changes}), names).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, dtype=torch.float64)
    return model


def draw(generator, *space, frames=4, batch=2):
    return torch.randn(batch, frames, len(NAMES), *space, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("space", [(16, 12, 1), (16, 1, 12), (8, 8, 8), (16, 1, 1), (13, 9, 1)], ids=str)
def test_fields_on_any_axes_give_increments_of_the_same_shape(generator, space):
    values = draw(generator, *space)
    assert build()(values, NAMES, RING).shape == values.shape


@pytest.mark.parametrize("space", [(16, 12, 1), (8, 8, 8)], ids=str)
def test_a_shift_along_a_ring_shifts_the_answer(generator, space):
    model, values = build(extrapolate=0.7), draw(generator, *space)
    coarse = (4, 8 if space[1] == 8 else 4, 4 if space[2] > 1 else 0)  # whole points of the lowest of three levels
    shifted = torch.roll(values, coarse, (3, 4, 5))
    expected = torch.roll(model(values, NAMES, RING), coarse, (3, 4, 5))
    assert torch.allclose(model(shifted, NAMES, RING), expected, atol=1e-12)
    walled = torch.where(torch.tensor(space).view(3, 1) == 1, RING, 0)
    moved = torch.roll(model(values, NAMES, walled), coarse, (3, 4, 5))
    assert not torch.allclose(model(shifted, NAMES, walled), moved)


def test_a_plane_may_lie_in_any_two_axes(generator):
    model, values = build(), draw(generator, 16, 12, 1)
    upright = model(values.transpose(4, 5), NAMES, WALLS[[0, 2, 1]])
    assert torch.allclose(upright.transpose(4, 5), model(values, NAMES, WALLS), atol=1e-12)


def test_a_frame_knows_those_before_it_as_far_as_the_model_looks_and_none_after(generator):
    model, values = build(), draw(generator, 8, 8, 1, frames=6, batch=1)
    scales = model.scales(values)
    out = model(values, NAMES, RING, scales=scales)
    for changed in range(6):
        other = values.clone()
        other[:, changed] += 1
        moved = (model(other, NAMES, RING, scales=scales) - out).abs().amax((0, 2, 3, 4, 5)) > 1e-9
        assert moved.tolist() == [changed <= t < changed + 3 for t in range(6)]


def test_fields_are_told_by_name_and_their_order_does_not_matter(generator):
    model, values = build(("density", "other", "pressure")), draw(generator, 8, 8, 1)
    out = model(values, NAMES, RING)
    assert torch.allclose(model(values.flip(2), NAMES[::-1], RING).flip(2), out, atol=1e-12)
    assert not torch.allclose(model(values, ("density", "other"), RING), out)


def test_an_answer_does_not_depend_on_units(generator):
    model, values = build(), draw(generator, 8, 8, 1)
    units = torch.tensor([1e3, 1e-2], dtype=torch.float64).view(-1, 1, 1, 1)
    assert torch.allclose(model(values * units, NAMES, RING), model(values, NAMES, RING), atol=1e-9)


def test_a_rollout_reads_its_window_and_has_no_cache(generator):
    model, values = build(), draw(generator, 8, 8, 1)
    frames = rollout(model, values, NAMES, RING, 2, constant=("pressure",))
    scales = model.scales(values)
    first = scales.step(values[:, -1:], model(values, NAMES, RING)[:, -1:].detach())
    assert torch.allclose(frames[:, :1, 0], first[:, :, 0], atol=1e-12)
    assert torch.equal(frames[:, 1, 1], values[:, -1, 1])
    with pytest.raises(FoundationError, match="UNet has no time cache"):
        rollout(model, values, NAMES, RING, 2, memory="cache")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(channels=(6,), groups=4), "Give multiples of the groups"),
        (dict(channels=()), "at least one of each"),
        (dict(dimensions=(1,)), "Give 2, 3 or both"),
        (dict(extrapolate=2.0), "Give a share from 0 to 1"),
    ],
)
def test_refusals_of_sizes(options, message):
    with pytest.raises(FoundationError, match=message):
        UNetConfig(**options)


def test_refusals_of_fields(generator):
    with pytest.raises(FoundationError, match="no field mass"):
        build()(draw(generator, 8, 8, 1), ("density", "mass"), RING)
    with pytest.raises(FoundationError, match="want an encoder for 3D, the model has 2D"):
        build(dimensions=(2,))(draw(generator, 8, 8, 8), NAMES, RING)


def test_it_is_stored_and_loaded(generator, tmp_path):
    model, values = build(), draw(generator, 8, 8, 1)
    stored = FieldUNet(model.config, model.names).double()
    stored.load_state_dict(model.state_dict())
    stored.save_pretrained(tmp_path / "unet")
    loaded = load_network(tmp_path / "unet")
    assert isinstance(loaded, FieldUNet) and (loaded.config, loaded.names) == (model.config, NAMES)
    assert torch.equal(loaded(values, NAMES, RING), model(values, NAMES, RING))
    with pytest.raises(FoundationError, match="holds no field model"):
        stored.save_pretrained(tmp_path)
    with pytest.raises(FoundationError, match="holds no U-Net"):
        FieldUNet.from_pretrained(tmp_path)
    (tmp_path / "unet" / "config.json").write_text('{"format": 1, "kind": "fields unet", "model": {"depth": 3}}')
    with pytest.raises(FoundationError, match="damaged or edited wrongly"):
        load_network(tmp_path / "unet")
