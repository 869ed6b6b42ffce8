"""Steering: means and injection by hand, every way to meet another grid, no trace left, controls, files, mistakes."""

import pytest
import torch
from torch import nn

from foundation.errors import FoundationError
from foundation.model.fields.config import FieldModelConfig
from foundation.model.fields.strides import token_grid
from foundation.model.fields.transformer import FieldTransformer
from foundation.model.steering import Direction, Layout, collected, difference, fitted, steered


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 4)

    def forward(self, x):
        return x + self.inner(x)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(Block(), Block(), Block())


def standardised(x):
    """A sample at a time."""
    return torch.stack([(s - s.mean()) / s.std(unbiased=False) for s in x.double()])


@pytest.fixture
def regimes(generator):
    """Two: samples of six rows with four channels, whose first channels differ."""
    rise = torch.tensor([2.0, 1.0, 0.0, 0.0])
    return torch.randn(2, 5, 6, 4, generator=generator) + torch.stack([rise, -rise]).reshape(2, 1, 1, 4)


def direction_of(model, ups, downs, layers=("1",), layout=None):
    with collected(model, layers, layout) as to:
        model(ups)
    with collected(model, layers, layout) as away:
        model(downs)
    return difference(to, away)


def test_direction_by_hand(model, regimes):
    ups, downs = regimes
    found = direction_of(model, ups, downs, ("0", "1.inner")).values
    first = model[0](ups), model[0](downs)
    wanted = standardised(first[0]).mean(0) - standardised(first[1]).mean(0)
    torch.testing.assert_close(found["0"], wanted.T.float())
    inner = [standardised(model[1].inner(x)).mean(0) for x in first]
    torch.testing.assert_close(found["1.inner"], (inner[0] - inner[1]).T.float())


def test_samples_may_come_in_any_number_of_calls(model, regimes):
    ups = regimes[0]
    with collected(model, ["1"]) as whole:
        model(ups)
    with collected(model, ["1"]) as parts:
        model(ups[:2]), model(ups[2:])
    assert whole.counts == parts.counts == {"1": 5}
    torch.testing.assert_close(whole.of("1"), parts.of("1"))


@pytest.mark.parametrize("strength", [0.3, -0.3])
def test_injection_by_hand(model, regimes, strength):
    ups, downs = regimes
    direction = direction_of(model, ups, downs)
    out = model[1](model[0](downs))
    delta = direction.values["1"].T
    lengths = out.flatten(1).norm(dim=1).reshape(-1, 1, 1)
    with steered(model, direction, strength):
        found = model(downs)
    torch.testing.assert_close(found, model[2](out + strength * lengths * delta / delta.norm()))


def test_it_moves_towards_the_other_regime_and_a_random_direction_does_not(model, regimes, generator):
    ups, downs = regimes
    direction = direction_of(model, ups, downs, ("2",))
    towards = model(ups).mean(0) - model(downs).mean(0)
    moved = []
    for push in (direction, direction.random_like(generator)):
        with steered(model, push, 0.3):
            steps = model(downs)
        moved.append((((steps - model(downs)).mean(0) * towards).sum() / towards.square().sum()).item())
    assert moved[0] > 0.1 and abs(moved[1]) < moved[0] / 2


def test_the_norm_can_be_kept(model, regimes):
    ups, downs = regimes
    direction = direction_of(model, ups, downs, ("2",))
    with steered(model, direction, 0.7, keep_norm=True):
        found = model(downs)
    torch.testing.assert_close(found.flatten(1).norm(dim=1), model(downs).flatten(1).norm(dim=1))
    assert not torch.allclose(found, model(downs))


def test_nothing_is_left_behind_even_after_an_error(model, regimes):
    ups, downs = regimes
    before, direction = model(ups), direction_of(model, ups, downs)
    with pytest.raises(ZeroDivisionError), steered(model, direction, 0.5):
        assert not torch.equal(model(ups), before)
        1 / 0  # noqa: B018
    assert torch.equal(model(ups), before) and not any(m._forward_hooks for m in model.modules())
    with steered(model, direction, 0.0):
        torch.testing.assert_close(model(ups), before)


def test_gradients_pass_through(model, regimes):
    ups, downs = regimes
    with steered(model, direction_of(model, ups, downs), 0.2):
        model(ups).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_rows_of_a_grid_and_channels_first_say_the_same(generator):
    """A 1 x 1 convolution over [N, C, h, w] is a linear layer over rows [N, h w, C]."""
    rows, convolution = nn.Sequential(nn.Linear(3, 5)), nn.Sequential(nn.Conv2d(3, 5, 1))
    convolution[0].weight.data, convolution[0].bias.data = rows[0].weight.data[..., None, None], rows[0].bias.data
    ups, downs = torch.randn(2, 4, 3, 2, 6, generator=generator)
    one = direction_of(convolution, ups, downs, ("0",), Layout(channel=1))
    flat = [x.flatten(2).movedim(1, 2) for x in (ups, downs)]
    other = direction_of(rows, *flat, ("0",), Layout(grid=(2, 6)))
    torch.testing.assert_close(one.values["0"], other.values["0"])
    walled = torch.randn(4, 3, 4, 4, generator=generator)
    for fit in ("drop", "pad", "interpolate"):
        with steered(convolution, one, 0.4, fit, Layout(channel=1)):
            found = convolution(walled)
        with steered(rows, other, 0.4, fit, Layout(grid=(4, 4))):
            torch.testing.assert_close(rows(walled.flatten(2).movedim(1, 2)), found.flatten(2).movedim(1, 2))


def test_every_way_to_meet_another_grid():
    values = torch.arange(12.0).reshape(1, 2, 6)
    assert torch.equal(fitted(values, (2, 6), "none"), values)
    assert fitted(values, (7, 3), "drop").tolist() == [[[5.5]]]
    padded = fitted(values, (3, 8), "pad")
    assert torch.equal(padded[:, :2, :6], values) and padded.sum() == values.sum() and padded.shape == (1, 3, 8)
    assert torch.equal(fitted(values, (2, 4), "pad"), values[:, :, 1:5])
    assert torch.equal(fitted(values, (3, 4), "pad")[:, :2], values[:, :, 1:5])
    assert fitted(values, (4, 12), "interpolate").shape == (1, 4, 12)
    assert torch.equal(fitted(torch.full((2, 3, 4, 5), 2.0), (6, 2, 9), "interpolate"), torch.full((2, 6, 2, 9), 2.0))
    assert fitted(torch.ones(3), (), "drop").shape == (3,)


def test_file(model, regimes, tmp_path):
    ups, downs = regimes
    direction = direction_of(model, ups, downs, ("0", "2"))
    direction.save(tmp_path / "vortex.safetensors")
    again = Direction.load(tmp_path / "vortex.safetensors")
    assert list(again.values) == ["0", "2"] and all(torch.equal(again.values[n], direction.values[n]) for n in "02")
    (tmp_path / "bad").write_text("no")
    for name in ("bad", "absent"):
        with pytest.raises(FoundationError, match="not a stored direction"):
            Direction.load(tmp_path / name)


class Pair(nn.Module):
    def forward(self, x):
        return x, x


def test_mistakes(model, regimes):
    ups, downs = regimes
    with pytest.raises(FoundationError, match=r"no layer '7'; there are 0, 0\.inner"), collected(model, ["7"]):
        pass
    with pytest.raises(FoundationError, match="gives a tuple, not a tensor"):
        direction_of(nn.Sequential(Pair()), ups, downs, ("0",))
    with pytest.raises(FoundationError, match="both regimes have the same mean"):
        direction_of(model, ups, ups)
    with pytest.raises(FoundationError, match=r"gave \[4, 6\] after|gave \[4, 3\] after"), collected(model, ["1"]):
        model(ups), model(ups[:, :3])
    with pytest.raises(FoundationError, match=r"\[4, 6\] and \[4, 3\] differ"):
        direction_of(model, ups, downs[:, :3])
    with pytest.raises(FoundationError, match="did not run"), collected(model, ["1"]) as mean:
        mean.of("1")
    direction = direction_of(model, ups, downs)
    with (
        pytest.raises(FoundationError, match=r"has the grid \(6,\), the layer \(3,\)"),
        steered(model, direction, 0.3),
    ):
        model(downs[:, :3])
    with pytest.raises(FoundationError, match=r"gave \[6\] rows for the grid \(2, 2\)"):
        direction_of(model, ups, downs, layout=Layout(grid=(2, 2)))


def test_a_field_model_is_steered_on_another_grid():
    torch.manual_seed(1)
    config = FieldModelConfig(
        width=24, depth=2, heads=2, hidden=16, inner=4, frequencies=1, tokens=(8, 8, 4), dimensions=(2,)
    )
    model, names = FieldTransformer(config, ["density", "pressure"]), ["density", "pressure"]
    periodic, walls = torch.full((3, 2), 2), torch.tensor([[0, 0], [0, 0], [2, 2]])  # walls take a token more
    ups, downs, walled = torch.randn(3, 2, 3, 2, 32, 32, 1)
    layout = Layout(grid=token_grid(model.setting(ups, names, periodic).grid))
    with torch.no_grad():
        with collected(model, ["blocks.1"], layout) as to:
            model(ups, names, periodic)
        with collected(model, ["blocks.1"], layout) as away:
            model(downs, names, periodic)
        assert to.counts == {"blocks.1": 6} and to.of("blocks.1").shape == (24, *layout.grid)
        usual = model(walled, names, walls)
        other = Layout(grid=token_grid(model.setting(walled, names, walls).grid))
        assert other.grid != layout.grid
        for fit in ("drop", "pad", "interpolate"):
            with steered(model, difference(to, away), 0.3, fit, other):
                pushed = model(walled, names, walls)
            assert pushed.isfinite().all() and not torch.allclose(pushed, usual)
